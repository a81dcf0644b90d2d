#pragma once
// Pages of a make-believe engine: every byte a function of (token, layer, head, plane, place in the token),
// every page in a scattered place, so that a wrong copy cannot look right.
#include <cstdint>
#include <vector>

#include "base/types.h"
#include "baton.h"

namespace baton::test {

class EnginePages {
 public:
  EnginePages(const Geometry&, uint32_t page_tokens, uint32_t pages);

  baton_layer_layout layout(uint32_t layer);
  // Pages for `tokens` tokens that begin `offset` tokens inside the first one.
  std::vector<uint32_t> take(uint32_t tokens, uint32_t offset = 0);
  uint8_t* token(const std::vector<uint32_t>& pages, uint32_t offset, uint32_t layer, uint32_t head,
                 uint32_t plane, uint32_t token);
  void compute(const std::vector<uint32_t>& pages, uint32_t offset, uint32_t tokens, uint32_t seed);
  // Tokens [first, first+count) hold what compute(seed) writes.
  bool hold(const std::vector<uint32_t>& pages, uint32_t offset, uint32_t first, uint32_t count,
            uint32_t seed);
  bool untouched() const;  // no byte was ever written

 private:
  Geometry geometry_;
  uint32_t page_tokens_, pages_, taken_ = 0;
  uint64_t layer_bytes_;
  std::vector<uint8_t> memory_;
};

}  // namespace baton::test
