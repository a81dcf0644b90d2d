#pragma once
// Peer's clock − own clock, from pings: the sample with the shortest round trip has the smallest error (half of it).
#include <cstdint>

namespace baton::path::tcp {

class ClockOffset {
 public:
  void sample(uint64_t sent_ns, uint64_t peer_ns, uint64_t received_ns) {
    const uint64_t round = received_ns - sent_ns;
    ++samples_;
    if (round >= best_round_) return;
    best_round_ = round;
    offset_ = static_cast<int64_t>(peer_ns) - static_cast<int64_t>(sent_ns + round / 2);
  }
  uint32_t samples() const { return samples_; }
  int64_t offset_ns() const { return offset_; }

 private:
  uint32_t samples_ = 0;
  uint64_t best_round_ = UINT64_MAX;
  int64_t offset_ = 0;
};

}  // namespace baton::path::tcp
