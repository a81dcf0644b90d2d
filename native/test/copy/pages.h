#pragma once
// Pages of an engine in one of many layouts, and the naive way to read them: one byte at a time by the address formula
// of baton.h.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "copy/layout.h"

namespace fixture {

using namespace baton;

struct Engine {
  Geometry geometry;
  baton_layer_layout layout{};
  std::vector<std::vector<uint8_t>> memory;  // per plane
  std::vector<uint32_t> pages;
  uint32_t offset = 0, tokens = 0, head = 0, layer = 0;
  Key key{};

  copy::Pages where() const {
    return {&layout, pages.data(), static_cast<uint32_t>(pages.size()), offset};
  }
  // Byte `byte` of token `token` of `h` in the memory of plane `p`.
  size_t at(uint32_t p, uint32_t h, uint32_t token, uint32_t byte) const {
    const baton_plane_layout& l = layout.plane[p];
    const uint32_t t = token + offset;
    const int64_t from_base = static_cast<int64_t>(pages[t / layout.page_tokens]) * l.page_stride +
                              static_cast<int64_t>(h) * l.head_stride +
                              static_cast<int64_t>(t % layout.page_tokens) * l.token_stride +
                              static_cast<int64_t>(byte / l.element_bytes) * l.element_stride + byte % l.element_bytes;
    return static_cast<size_t>(static_cast<uint8_t*>(l.base) + from_base - memory[p].data());
  }
  // The stripe as docs/wire.md says it: [plane][token][bytes].
  std::vector<uint8_t> stripe() const {
    std::vector<uint8_t> out;
    for (uint32_t p = 0; p < geometry.planes; ++p) {
      for (uint32_t t = 0; t < tokens; ++t) {
        for (uint32_t b = 0; b < geometry.plane_bytes[p]; ++b) out.push_back(memory[p].at(at(p, head, t, b)));
      }
    }
    return out;
  }
};

// Strides for dimensions in a random order of nesting, with random gaps; some of them run backwards. `like`: an engine whose
// stripes it can hold, with the same planes in other pages.
inline Engine random_engine(std::mt19937& random, const Engine* like = nullptr) {
  Engine e;
  constexpr uint32_t kPageTokens[] = {8, 16, 32}, kElementBytes[] = {1, 2, 4, 8, 16, 3}, kElements[] = {1, 5, 16, 64};
  e.geometry = {4, static_cast<uint32_t>(1 + random() % 3), static_cast<uint32_t>(1 + random() % 2), {}, 64};
  e.layout.struct_size = sizeof e.layout;
  const uint32_t page_tokens = e.layout.page_tokens = kPageTokens[random() % 3];
  e.tokens = random() % 3 ? 1 + random() % 64 : 64;
  e.offset = random() % 2 ? random() % page_tokens : 0;
  e.head = random() % e.geometry.heads;
  e.layer = random() % 4;
  for (uint8_t& byte : e.key) byte = static_cast<uint8_t>(random());
  if (like != nullptr) {
    e.geometry.planes = like->geometry.planes;
    e.tokens = like->tokens;
    e.layer = like->layer;
    e.key = like->key;
  }
  const uint32_t page_total = 12;
  std::vector<uint32_t> shuffled(page_total);
  std::iota(shuffled.begin(), shuffled.end(), 0);
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  e.pages.assign(shuffled.begin(), shuffled.begin() + (e.offset + e.tokens + page_tokens - 1) / page_tokens);
  e.memory.resize(e.geometry.planes);
  for (uint32_t p = 0; p < e.geometry.planes; ++p) {
    baton_plane_layout& l = e.layout.plane[p];
    l.element_bytes = kElementBytes[random() % 6];
    l.elements = kElements[random() % 4];
    if (like != nullptr) {
      // As wide, of the same elements or byte by byte.
      const bool bytes = random() % 2;
      l.element_bytes = bytes ? 1 : like->layout.plane[p].element_bytes;
      l.elements = like->geometry.plane_bytes[p] / l.element_bytes;
    }
    e.geometry.plane_bytes[p] = l.element_bytes * l.elements;
    struct Dimension { uint32_t size; int64_t* stride; };
    std::vector<Dimension> order{{l.elements, &l.element_stride}, {page_tokens, &l.token_stride},
                                 {e.geometry.heads, &l.head_stride}, {page_total, &l.page_stride}};
    const auto shape = random() % 4;  // packed rows, transposed, any order
    if (shape == 1) std::swap(order[0], order[1]);
    if (shape >= 2) std::shuffle(order.begin(), order.end(), random);
    int64_t stride = l.element_bytes, below = 0;
    for (const Dimension& d : order) {
      const bool backwards = shape == 3 && random() % 4 == 0;
      *d.stride = backwards ? -stride : stride;
      if (backwards) below += stride * (d.size - 1);
      stride *= d.size;
      if (shape >= 2 && random() % 3 == 0) stride += random() % 24;  // a gap; alignment is nobody's promise
    }
    e.memory[p].resize(static_cast<size_t>(stride));
    for (uint8_t& byte : e.memory[p]) byte = static_cast<uint8_t>(random());
    l.base = e.memory[p].data() + below;
  }
  return e;
}

}  // namespace fixture
