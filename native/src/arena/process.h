#pragma once
// Is the process that may write to a slot still the one that we knew? A pid alone is used again by the system. Injected
// like the clock, so that tests own who lives.
#include <cstdint>

namespace baton {

class Processes {
 public:
  virtual ~Processes() = default;
  virtual uint64_t start_time(int32_t pid) const = 0;              // clock ticks after boot; 0 = no such process (or it is a zombie)
  virtual bool lives(int32_t pid, uint64_t start_time) const = 0;  // start_time 0: unknown, any process of this pid counts
  static const Processes& system();
};

}  // namespace baton
