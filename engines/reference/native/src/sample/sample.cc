#include "sample/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/mix.h"

namespace baton::reference {
namespace {

int32_t greatest(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return static_cast<int32_t>(best);
}

// Uniform in [0, 1) with 53 bits.
double uniform(const Draw& draw) {
  return static_cast<double>(splitmix64(splitmix64(draw.seed) ^ draw.position) >> 11) * 0x1p-53;
}

}  // namespace

int32_t sample_token(std::span<const float> logits, const Draw& draw) {
  const int32_t top = greatest(logits);
  if (draw.temperature <= 0) return top;
  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<double> weights(logits.size());
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    weights[i] = std::exp((static_cast<double>(logits[order[i]]) - logits[top]) / draw.temperature);
    total += weights[i];
  }
  double kept = 0;
  size_t count = 0;
  while (count < order.size() && (count == 0 || kept < draw.top_p * total)) kept += weights[count++];
  double rest = uniform(draw) * kept;
  for (size_t i = 0; i < count; ++i) {
    rest -= weights[i];
    if (rest < 0) return static_cast<int32_t>(order[i]);
  }
  return static_cast<int32_t>(order[count - 1]);
}

}  // namespace baton::reference
