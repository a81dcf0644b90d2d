#include "base/clock.h"

#include <cerrno>
#include <ctime>

namespace baton::reference {

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

void sleep_until(uint64_t ns) {
  if (monotonic_ns() >= ns) return;
  timespec end{};
  end.tv_sec = static_cast<time_t>(ns / 1000000000);
  end.tv_nsec = static_cast<long>(ns % 1000000000);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) == EINTR) {
  }
}

}  // namespace baton::reference
