#pragma once
// Is the process that may write to a slot still the one that we knew? A pid alone is used again by the system.
#include <cstdint>

namespace baton::arena {

uint64_t start_time(int32_t pid);              // clock ticks after boot; 0 = no such process (or it is a zombie)
bool lives(int32_t pid, uint64_t start_time);  // start_time 0: unknown, any process of this pid counts

}  // namespace baton::arena
