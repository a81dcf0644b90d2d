#pragma once
// Chunk memory: which slot uses which extent, and which slots give way when there is no hole. A plain value, so that
// "would all of these fit?" is answered by doing it on a copy.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "arena/extents.h"

namespace baton::arena {

class Space {
 public:
  struct Use {
    uint32_t slot;
    uint64_t bytes;
    uint64_t rank;  // of its last use when it may be evicted, 0 = must stay
  };

  Space(uint64_t begin, uint64_t bytes, uint32_t slots_max);

  // Room for a slot that must stay; name() says which one. Slots that had to give way are appended to `evicted`, least
  // recently used first as far as their places allow. Nothing is evicted unless that makes the room, but for one slot
  // when the table is full.
  std::optional<uint64_t> allocate(uint64_t bytes, std::vector<uint32_t>& evicted);
  void name(uint64_t offset, uint32_t slot) { uses_.find(offset)->second.slot = slot; }
  bool take(uint32_t slot, uint64_t offset, uint64_t bytes);  // exactly this place
  void release(uint64_t offset);
  void rank(uint64_t offset, uint64_t rank);                  // 0: must stay

  bool has_hole(uint64_t bytes) const { return uses_.size() < slots_max_ && extents_.largest() >= bytes; }
  const Extents& extents() const { return extents_; }
  const std::map<uint64_t, Use>& uses() const { return uses_; }
  const std::set<std::pair<uint64_t, uint64_t>>& evictable() const { return evictable_; }  // (rank, offset)

 private:
  void evict(uint64_t offset, std::vector<uint32_t>& evicted);
  bool evict_one_beside_a_hole(uint64_t bytes, std::vector<uint32_t>& evicted);
  bool evict_window(uint64_t bytes, std::vector<uint32_t>& evicted);

  uint64_t begin_, bytes_;
  uint32_t slots_max_;
  Extents extents_;
  std::map<uint64_t, Use> uses_;  // by offset
  std::set<std::pair<uint64_t, uint64_t>> evictable_;
};

}  // namespace baton::arena
