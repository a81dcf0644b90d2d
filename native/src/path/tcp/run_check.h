#pragma once
// Compares a run's stripes with their announced digests while the bytes arrive: pieces are hashed as soon as they are
// whole, so each is still in the cache that recv() has just filled.
#include <cstdint>
#include <span>

#include "base/digest.h"
#include "path/path.h"

namespace baton::path::tcp {

class RunCheck {
 public:
  // `digests` outlives the run. Without `verify` nothing is read and every run is right.
  void begin(std::span<const Digest> digests, const Place&, uint32_t stripe_first, uint64_t length, bool verify);
  void arrived(uint64_t bytes);  // counted from the run's first byte
  bool right() const { return right_; }

 private:
  std::span<const Digest> digests_;
  Place place_;
  uint32_t stripe_first_ = 0, stripe_ = 0;  // stripe_: position in the run
  uint64_t stripe_bytes_ = 0, hashed_ = 0;  // hashed_: bytes of the present stripe
  bool verify_ = true, right_ = true;
  StripeDigest digest_;
};

}  // namespace baton::path::tcp
