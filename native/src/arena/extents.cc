#include "arena/extents.h"

#include <iterator>

namespace baton::arena {

Extents::Extents(uint64_t begin, uint64_t bytes) { add(begin, bytes); }

void Extents::add(uint64_t offset, uint64_t bytes) {
  if (bytes == 0) return;
  holes_.emplace(offset, bytes);
  by_size_.emplace(bytes, offset);
  free_bytes_ += bytes;
}

void Extents::remove(std::map<uint64_t, uint64_t>::iterator hole) {
  by_size_.erase({hole->second, hole->first});
  free_bytes_ -= hole->second;
  holes_.erase(hole);
}

std::optional<uint64_t> Extents::allocate(uint64_t bytes) {
  const auto fit = by_size_.lower_bound({bytes, 0});
  if (fit == by_size_.end()) return std::nullopt;
  const auto [size, offset] = *fit;
  remove(holes_.find(offset));
  add(offset + bytes, size - bytes);
  return offset;
}

bool Extents::take(uint64_t offset, uint64_t bytes) {
  auto hole = holes_.upper_bound(offset);
  if (hole == holes_.begin()) return false;
  --hole;
  const auto [begin, size] = *hole;
  if (offset - begin > size || bytes > size - (offset - begin)) return false;
  remove(hole);
  add(begin, offset - begin);
  add(offset + bytes, begin + size - offset - bytes);
  return true;
}

void Extents::release(uint64_t offset, uint64_t bytes) {
  auto after = holes_.lower_bound(offset);
  if (after != holes_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      offset = before->first;
      bytes += before->second;
      remove(before);
    }
  }
  if (after != holes_.end() && offset + bytes == after->first) {
    bytes += after->second;
    remove(after);
  }
  add(offset, bytes);
}

uint64_t Extents::joined(uint64_t offset, uint64_t bytes) const {
  const auto after = holes_.lower_bound(offset);
  uint64_t sum = bytes;
  if (after != holes_.end() && offset + bytes == after->first) sum += after->second;
  if (after != holes_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) sum += before->second;
  }
  return sum;
}

}  // namespace baton::arena
