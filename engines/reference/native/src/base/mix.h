#pragma once
// A bijection of 64 bits with good avalanche (the output function of splitmix64 after one step).
#include <cstdint>

namespace baton::reference {

inline constexpr uint64_t splitmix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace baton::reference
