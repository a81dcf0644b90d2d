#pragma once
#include <cstdint>

namespace baton::reference {

uint64_t monotonic_ns();        // CLOCK_MONOTONIC
void sleep_until(uint64_t ns);  // of monotonic_ns(); returns at once when that time has come

}  // namespace baton::reference
