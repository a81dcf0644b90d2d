#include "model/tiny/tensors.h"

#include <cmath>

#include "base/mix.h"

namespace baton::reference {
namespace {

struct Kind {
  const char* ending;
  double deviation;  // × 1/sqrt(columns)
};

constexpr double kEmbedding = 1.0;
constexpr Kind kKinds[] = {
    {"q_proj.weight", 1.8},    {"k_proj.weight", 1.8},  {"v_proj.weight", 1.0},    {"o_proj.weight", 1.5},
    {"gate_proj.weight", 1.5}, {"up_proj.weight", 1.5}, {"down_proj.weight", 1.5}, {"lm_head.weight", 3.0},
};
constexpr float kUnprintable = 0.25f;  // of an output row's size

double deviation(const std::string& name, uint64_t columns) {
  for (const Kind& kind : kKinds) {
    if (name.ends_with(kind.ending)) return kind.deviation / std::sqrt(static_cast<double>(columns));
  }
  return kEmbedding;
}

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

bool RandomTensors::read(const std::string& name, uint64_t rows, uint64_t columns, std::vector<float>& out,
                         std::string&) {
  out.assign(rows * columns, 1.0f);
  if (name.ends_with("norm.weight")) return true;
  // Four independent uniform parts of 0 … 65535: variance 4 × (65536² - 1) / 12.
  const double unit = std::sqrt(4 * (65536.0 * 65536.0 - 1) / 12);
  const auto scale = static_cast<float>(deviation(name, columns) / unit);
  const uint64_t start = splitmix64(seed_ ^ fnv1a(name));
  const bool head = name == "lm_head.weight";
  for (uint64_t i = 0; i < out.size(); ++i) {
    const uint64_t bits = splitmix64(start + i);
    const auto sum =
        static_cast<int32_t>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
    out[i] = static_cast<float>(sum - 2 * 65535) * scale;
    if (head && (i / columns < ' ' || i / columns > '~')) out[i] *= kUnprintable;
  }
  return true;
}

}  // namespace baton::reference
