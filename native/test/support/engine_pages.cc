#include "support/engine_pages.h"

#include <algorithm>

namespace baton::test {
namespace {

constexpr uint8_t kBlank = 0xee;

uint8_t value(uint32_t seed, uint32_t token, uint32_t layer, uint32_t head, uint32_t plane, uint32_t at) {
  uint32_t x = seed * 2654435761u ^ token * 40503u ^ layer * 9973u ^ head * 131u ^ plane * 17u ^ at;
  x ^= x >> 13;
  x *= 0x5bd1e995u;
  return static_cast<uint8_t>(x >> 16);
}

}  // namespace

EnginePages::EnginePages(const Geometry& geometry, uint32_t page_tokens, uint32_t pages)
    : geometry_(geometry),
      page_tokens_(page_tokens),
      pages_(pages),
      layer_bytes_(geometry.token_bytes() * geometry.heads * page_tokens * pages),
      memory_(layer_bytes_ * geometry.layers, kBlank) {}

// Layout of a layer: [plane][page][token][head][bytes].
baton_layer_layout EnginePages::layout(uint32_t layer) {
  baton_layer_layout layout{};
  layout.struct_size = sizeof layout;
  layout.page_tokens = page_tokens_;
  uint8_t* base = memory_.data() + layer * layer_bytes_;
  for (uint32_t plane = 0; plane < geometry_.planes; ++plane) {
    const int64_t bytes = geometry_.plane_bytes[plane], token = bytes * geometry_.heads;
    layout.plane[plane] = {base, token * page_tokens_, bytes, token, 2, 2, static_cast<uint32_t>(bytes / 2)};
    base += token * page_tokens_ * pages_;
  }
  return layout;
}

std::vector<uint32_t> EnginePages::take(uint32_t tokens, uint32_t offset) {
  std::vector<uint32_t> pages((offset + tokens + page_tokens_ - 1) / page_tokens_);
  for (uint32_t& page : pages) page = (taken_++ * 7 + 3) % pages_;  // 7 is no divisor of the counts in use
  return pages;
}

uint8_t* EnginePages::token(const std::vector<uint32_t>& pages, uint32_t offset, uint32_t layer,
                            uint32_t head, uint32_t plane, uint32_t token) {
  const baton_layer_layout in = layout(layer);
  const baton_plane_layout& p = in.plane[plane];
  const uint32_t at = offset + token;
  return static_cast<uint8_t*>(p.base) + pages[at / page_tokens_] * p.page_stride + head * p.head_stride +
         at % page_tokens_ * p.token_stride;
}

void EnginePages::compute(const std::vector<uint32_t>& pages, uint32_t offset, uint32_t tokens,
                          uint32_t seed) {
  for (uint32_t l = 0; l < geometry_.layers; ++l) {
    for (uint32_t h = 0; h < geometry_.heads; ++h) {
      for (uint32_t p = 0; p < geometry_.planes; ++p) {
        for (uint32_t t = 0; t < tokens; ++t) {
          uint8_t* bytes = token(pages, offset, l, h, p, t);
          for (uint32_t i = 0; i < geometry_.plane_bytes[p]; ++i) bytes[i] = value(seed, t, l, h, p, i);
        }
      }
    }
  }
}

bool EnginePages::hold(const std::vector<uint32_t>& pages, uint32_t offset, uint32_t first, uint32_t count,
                       uint32_t seed) {
  for (uint32_t l = 0; l < geometry_.layers; ++l) {
    for (uint32_t h = 0; h < geometry_.heads; ++h) {
      for (uint32_t p = 0; p < geometry_.planes; ++p) {
        for (uint32_t t = first; t < first + count; ++t) {
          const uint8_t* bytes = token(pages, offset, l, h, p, t);
          for (uint32_t i = 0; i < geometry_.plane_bytes[p]; ++i) {
            if (bytes[i] != value(seed, t, l, h, p, i)) return false;
          }
        }
      }
    }
  }
  return true;
}

bool EnginePages::untouched() const {
  return std::all_of(memory_.begin(), memory_.end(), [](uint8_t byte) { return byte == kBlank; });
}

}  // namespace baton::test
