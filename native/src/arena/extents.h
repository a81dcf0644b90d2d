#pragma once
// Which bytes of a range are free: best fit, neighbours joined. Offsets and sizes are multiples of the granule.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace baton::arena {

class Extents {
 public:
  Extents(uint64_t begin, uint64_t bytes);

  std::optional<uint64_t> allocate(uint64_t bytes);  // the smallest hole that is large enough, lowest of equals
  bool take(uint64_t offset, uint64_t bytes);        // exactly this range; false if any of it is not free
  void release(uint64_t offset, uint64_t bytes);
  uint64_t joined(uint64_t offset, uint64_t bytes) const;  // size of the hole that releasing this range would leave
  uint64_t largest() const { return by_size_.empty() ? 0 : by_size_.rbegin()->first; }
  uint64_t free_bytes() const { return free_bytes_; }
  const std::map<uint64_t, uint64_t>& holes() const { return holes_; }  // offset → bytes

 private:
  void add(uint64_t offset, uint64_t bytes);
  void remove(std::map<uint64_t, uint64_t>::iterator);

  std::map<uint64_t, uint64_t> holes_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_;  // (bytes, offset)
  uint64_t free_bytes_ = 0;
};

}  // namespace baton::arena
