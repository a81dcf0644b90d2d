#include <ctime>

#include "base/loop.h"

namespace baton {
namespace {

class MonotonicClock final : public Clock {
 public:
  uint64_t now_ns() const override {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
  }
};

}  // namespace

Clock& Clock::monotonic() {
  static MonotonicClock clock;
  return clock;
}

}  // namespace baton
