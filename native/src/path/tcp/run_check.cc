#include "path/tcp/run_check.h"

#include <algorithm>

#include "base/planted.h"

namespace baton::path::tcp {

void RunCheck::begin(std::span<const Digest> digests, const Place& place, uint32_t stripe_first, uint64_t length,
                     bool verify) {
  digests_ = digests;
  place_ = place;
  stripe_first_ = stripe_first;
  stripe_bytes_ = length / digests.size();
  stripe_ = 0;
  hashed_ = 0;
  verify_ = verify;
  right_ = true;
  digest_.begin(place.key, stripe_first / place.heads, stripe_first % place.heads);
}

void RunCheck::arrived(uint64_t bytes) {
  if (!verify_) return;
  while (stripe_ < digests_.size()) {
    const uint64_t begin = stripe_ * stripe_bytes_;
    while (hashed_ < stripe_bytes_) {
      const uint64_t piece = std::min<uint64_t>(kPieceBytes, stripe_bytes_ - hashed_);
      if (begin + hashed_ + piece > bytes) return;
      digest_.add_piece(piece_hash(place_.bytes + begin + hashed_, piece));
      hashed_ += piece;
    }
    right_ = (digest_.end() == digests_[stripe_] || planted(Planted::unchecked)) && right_;
    hashed_ = 0;
    const uint32_t next = stripe_first_ + ++stripe_;
    digest_.begin(place_.key, next / place_.heads, next % place_.heads);
  }
}

}  // namespace baton::path::tcp
