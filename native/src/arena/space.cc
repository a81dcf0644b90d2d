#include "arena/space.h"

#include <algorithm>
#include <deque>

#include "base/limits.h"

namespace baton::arena {

Space::Space(uint64_t begin, uint64_t bytes, uint32_t slots_max)
    : begin_(begin), bytes_(bytes), slots_max_(slots_max), extents_(begin, bytes) {}

std::optional<uint64_t> Space::allocate(uint64_t bytes, std::vector<uint32_t>& evicted) {
  if (bytes > bytes_) return std::nullopt;
  if (uses_.size() >= slots_max_) {
    if (evictable_.empty()) return std::nullopt;
    evict(evictable_.begin()->second, evicted);
  }
  std::optional<uint64_t> offset = extents_.allocate(bytes);
  if (!offset && (evict_one_beside_a_hole(bytes, evicted) || evict_window(bytes, evicted))) {
    offset = extents_.allocate(bytes);
  }
  if (offset) uses_.emplace(*offset, Use{UINT32_MAX, bytes, 0});
  return offset;
}

bool Space::take(uint32_t slot, uint64_t offset, uint64_t bytes) {
  if (!extents_.take(offset, bytes)) return false;
  uses_.emplace(offset, Use{slot, bytes, 0});
  return true;
}

void Space::release(uint64_t offset) {
  rank(offset, 0);
  const auto use = uses_.find(offset);
  extents_.release(offset, use->second.bytes);
  uses_.erase(use);
}

void Space::rank(uint64_t offset, uint64_t rank) {
  Use& use = uses_.find(offset)->second;
  if (use.rank == rank) return;
  if (use.rank != 0) evictable_.erase({use.rank, offset});
  if (rank != 0) evictable_.emplace(rank, offset);
  use.rank = rank;
}

void Space::evict(uint64_t offset, std::vector<uint32_t>& evicted) {
  evicted.push_back(uses_.find(offset)->second.slot);
  release(offset);
}

// The usual case, where slots are alike: the first candidate does.
bool Space::evict_one_beside_a_hole(uint64_t bytes, std::vector<uint32_t>& evicted) {
  uint32_t tried = 0;
  for (auto it = evictable_.begin(); it != evictable_.end() && tried < limits::kEvictionCandidatesMax; ++it, ++tried) {
    if (extents_.joined(it->second, uses_.find(it->second)->second.bytes) < bytes) continue;
    evict(it->second, evicted);
    return true;
  }
  return false;
}

// Among all neighbouring slots and holes that together are large enough, those whose most recent use is oldest; of
// equals, the fewest.
bool Space::evict_window(uint64_t bytes, std::vector<uint32_t>& evicted) {
  struct Segment {
    uint64_t offset, bytes, rank;  // rank 0: a hole
  };
  std::deque<Segment> window;
  std::deque<std::pair<uint64_t, uint64_t>> recent;  // (rank, offset), ranks falling: front is the window's largest
  uint64_t sum = 0, used = 0;
  std::pair<uint64_t, uint64_t> best{UINT64_MAX, 0};  // (most recent use, slots)
  std::vector<uint64_t> victims;
  const auto add = [&](const Segment& segment) {
    if (segment.bytes == 0) return;
    window.push_back(segment);
    sum += segment.bytes;
    used += segment.rank != 0;
    while (!recent.empty() && recent.back().first <= segment.rank) recent.pop_back();
    recent.emplace_back(segment.rank, segment.offset);
    while (sum - window.front().bytes >= bytes) {
      if (recent.front().second == window.front().offset) recent.pop_front();
      sum -= window.front().bytes;
      used -= window.front().rank != 0;
      window.pop_front();
    }
    const std::pair cost{recent.front().first, used};
    if (sum < bytes || cost >= best) return;
    best = cost;
    victims.clear();
    for (const Segment& s : window) {
      if (s.rank != 0) victims.push_back(s.offset);
    }
  };
  uint64_t at = begin_;
  for (const auto& [offset, use] : uses_) {
    add({at, offset - at, 0});
    if (use.rank != 0) {
      add({offset, use.bytes, use.rank});
    } else {
      window.clear();
      recent.clear();
      sum = used = 0;
    }
    at = offset + use.bytes;
  }
  add({at, begin_ + bytes_ - at, 0});
  std::sort(victims.begin(), victims.end(),
            [&](uint64_t a, uint64_t b) { return uses_.at(a).rank < uses_.at(b).rank; });
  for (const uint64_t offset : victims) evict(offset, evicted);
  return best.first != UINT64_MAX;
}

}  // namespace baton::arena
