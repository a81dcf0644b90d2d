#pragma once
// Digest of a stripe that follows a copy: each 4 KiB piece is hashed as soon as it is whole, while it is in the cache.
#include <algorithm>
#include <cstdint>

#include "base/digest.h"

namespace baton::copy {

class Pieces {
 public:
  Pieces(StripeDigest& digest, const uint8_t* stripe, uint64_t bytes) : digest_(digest), at_(stripe), left_(bytes) {}

  // Bytes of the stripe up to `end` are in place.
  void reach(const uint8_t* end) {
    while (left_ >= kPieceBytes && end >= at_ + kPieceBytes) take(kPieceBytes);
  }
  // All are.
  Digest finish() {
    while (left_ > 0) take(std::min<uint64_t>(left_, kPieceBytes));
    return digest_.end();
  }

 private:
  void take(uint64_t n) {
    digest_.add_piece(piece_hash(at_, n));
    at_ += n;
    left_ -= n;
  }

  StripeDigest& digest_;
  const uint8_t* at_;
  uint64_t left_;
};

}  // namespace baton::copy
