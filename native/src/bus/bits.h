#pragma once
// A bitmap that knows how many of its bits are set. Completion is such a bitmap, never a count alone: the same stripe
// twice completes nothing.
#include <cstdint>
#include <vector>

namespace baton {

class Bits {
 public:
  void resize(uint32_t size) {
    words_.assign((size + 63) / 64, 0);
    size_ = size;
    count_ = 0;
  }
  uint32_t size() const { return size_; }
  uint32_t count() const { return count_; }
  bool all() const { return count_ == size_; }
  bool test(uint32_t i) const { return words_[i / 64] >> (i % 64) & 1; }
  void set(uint32_t i) { put(i, true); }
  void set(uint32_t first, uint32_t count) { range(first, count, true); }
  void clear(uint32_t first, uint32_t count) { range(first, count, false); }
  bool all(uint32_t first, uint32_t count) const {
    for (uint32_t i = first; i < first + count; ++i) {
      if (!test(i)) return false;
    }
    return true;
  }

 private:
  void range(uint32_t first, uint32_t count, bool value) {
    for (uint32_t i = first; i < first + count; ++i) put(i, value);
  }
  void put(uint32_t i, bool value) {
    if (test(i) == value) return;
    words_[i / 64] ^= uint64_t{1} << (i % 64);
    count_ += value ? 1 : -1;
  }

  std::vector<uint64_t> words_;
  uint32_t size_ = 0, count_ = 0;
};

}  // namespace baton
