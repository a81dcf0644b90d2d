#pragma once
// Bytes of `synthetic`: KV made from the state of a token, and the hash that reads it back. Neither keeps a
// secret.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/mix.h"

namespace baton::reference {

// h_t = next_state(h_{t-1}, token_t), from the first token's h_{-1} = seed.
inline uint64_t next_state(uint64_t state, uint32_t token) {
  return splitmix64(state ^ (token + 0x9e3779b97f4a7c15));
}

inline uint64_t kv_seed(uint64_t state, uint32_t layer, uint32_t head, uint32_t plane) {
  return splitmix64(state ^ (uint64_t{layer} << 40 | uint64_t{head} << 20 | plane));
}

// `words` 64-bit words, word i a function of (seed, i): one wide multiplication each (wyrand).
inline void expand(uint64_t seed, uint8_t* to, size_t words) {
  __extension__ using Wide = unsigned __int128;
  for (size_t i = 0; i < words; ++i) {
    seed += 0xa0761d6478bd642f;
    const Wide product = Wide{seed} * (seed ^ 0xe7037ed1a0b428db);
    const uint64_t word = static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
    std::memcpy(to + i * 8, &word, 8);
  }
}

// Hash of a sequence of words. Every step is a bijection of its lane for a given word, and finish() one of
// each lane: changing one word always changes the hash, changing several does so with all but 2^-64
// probability.
class WordHash {
 public:
  // `words` words in order; word i of a call goes to lane i mod 8.
  void add(const uint8_t* bytes, size_t words) {
    size_t i = 0;
    for (; i + 8 <= words; i += 8) {
      for (size_t lane = 0; lane < 8; ++lane) step(lane, bytes + (i + lane) * 8);
    }
    for (; i < words; ++i) step(i % 8, bytes + i * 8);
  }
  uint64_t finish(uint64_t start) const {
    for (const uint64_t lane : lanes_) start = splitmix64(start ^ lane);
    return start;
  }

 private:
  void step(size_t lane, const uint8_t* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    lanes_[lane] = std::rotl((lanes_[lane] ^ word) * 0x9fb21c651e98df25, 29);
  }

  uint64_t lanes_[8] = {1, 2, 3, 4, 5, 6, 7, 8};
};

}  // namespace baton::reference
