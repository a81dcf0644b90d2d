#pragma once
// Digest of a stripe: XXH3-128(key ‖ layer u32 ‖ head u32 ‖ XXH3-64 of each 4 KiB piece in order, u64 each), all little
// endian, result in canonical bytes (docs/wire.md). The last piece may be short. Piecewise, so that it can follow
// bytes as they arrive or as they are copied.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/types.h"

namespace baton {

inline constexpr size_t kPieceBytes = 4096;

uint64_t piece_hash(const void* bytes, size_t n);  // XXH3-64, seed 0

class StripeDigest {
 public:
  void begin(const Key&, uint32_t layer, uint32_t head);
  void add_piece(uint64_t hash);                 // of pieces in order
  Digest end();

 private:
  // key, layer and head (5 words), then one word per piece; reused between stripes: no allocation once warm
  std::vector<uint64_t> words_;
};

Digest stripe_digest(const Key&, uint32_t layer, uint32_t head, const void* bytes, size_t n);

}  // namespace baton
