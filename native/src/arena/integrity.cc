// Everything that Store keeps incrementally, computed again in the plainest way.
#include "arena/store.h"

namespace baton::arena {
namespace {

std::string of(const char* what, SlotId id) { return std::string(what) + ", slot " + std::to_string(id); }

// Holes and used extents must tile the memory without a gap, and no two holes may touch.
std::string wrong_with(const Space& space, uint64_t begin, uint64_t bytes) {
  uint64_t at = begin, free = 0;
  bool after_hole = false;
  auto hole = space.extents().holes().begin();
  auto use = space.uses().begin();
  while (at < begin + bytes) {
    if (hole != space.extents().holes().end() && hole->first == at) {
      if (after_hole) return "two holes touch";
      at += hole->second;
      free += hole->second;
      ++hole;
      after_hole = true;
    } else if (use != space.uses().end() && use->first == at) {
      at += use->second.bytes;
      ++use;
      after_hole = false;
    } else {
      return "memory at " + std::to_string(at) + " is neither used nor free";
    }
  }
  if (at != begin + bytes || hole != space.extents().holes().end() || use != space.uses().end()) {
    return "extents beyond the end";
  }
  return free == space.extents().free_bytes() ? "" : "free bytes are counted wrongly";
}

}  // namespace

std::string Store::check_integrity() const {
  const Superblock& super = memory_->super();
  if (std::string wrong = wrong_with(space_, super.memory_offset, super.memory_bytes); !wrong.empty()) return wrong;
  const IndexTable table = memory_->index();
  std::vector<uint32_t> listed_free(slots_.size()), listed_quiescing(slots_.size());
  for (const SlotId id : free_) ++listed_free[id];
  for (const SlotId id : quiescing_) ++listed_quiescing[id];
  uint64_t pins = 0, bytes_pinned = 0, bytes_sealed = 0, used = 0, indexed = 0, evictable = 0;
  for (SlotId id = 0; id < slots_.size(); ++id) {
    const Slot& slot = slots_[id];
    const Slot published = read_record(record(id));
    if (published.state != slot.state || published.generation != slot.generation) return of("head differs", id);
    const bool is_free = slot.state == SlotState::free;
    if (listed_free[id] != (is_free ? 1u : 0u)) return of("free list is wrong", id);
    const bool quiescing = slot.state == SlotState::quiescing;
    if (listed_quiescing[id] != (quiescing ? 1u : 0u)) return of("quiescing list", id);
    if (is_free) {
      if (slot.pins != 0 || slot.indexed) return of("free but pinned or indexed", id);
      continue;
    }
    ++used;
    if (published.key != slot.key || published.ns != slot.ns || published.geometry != slot.geometry ||
        published.tokens != slot.tokens || published.offset != slot.offset || published.bytes != slot.bytes ||
        published.fill != slot.fill || published.indexed != slot.indexed || published.writer != slot.writer) {
      return of("record differs", id);
    }
    const auto use = space_.uses().find(slot.offset);
    if (use == space_.uses().end() || use->second.slot != id || use->second.bytes != slot.bytes) {
      return of("its extent is not its own", id);
    }
    if (use->second.rank != (slot.evictable() ? slot.used : 0)) return of("wrongly evictable", id);
    if (slot.evictable()) {
      ++evictable;
      if (!space_.evictable().contains({slot.used, slot.offset})) return of("not found evictable", id);
    }
    if (slot.unsealed() && slot.pins == 0) return of("unsealed without a pin", id);
    if (slot.indexed) {
      ++indexed;
      if (slot.state != SlotState::sealed) return of("indexed but not sealed", id);
      if (directory_.find(slot.key) != id) return of("not in the directory", id);
      if (!directory_.in_shared_index(id) || !table.holds(words_of(slot.key))) return of("not in the index", id);
    } else if (slot.state == SlotState::sealed && slot.pins == 0) {
      return of("sealed for nobody", id);
    }
    pins += slot.pins;
    bytes_pinned += slot.pins ? slot.bytes : 0;
    bytes_sealed += slot.state == SlotState::sealed ? slot.bytes : 0;
  }
  uint64_t entries = 0;
  for (uint64_t i = 0; i <= table.mask; ++i) entries += table.entries[i].load(std::memory_order_relaxed) != 0;
  if (entries != indexed || directory_.size() != indexed) return "the index holds entries of nothing";
  if (used != space_.uses().size() || evictable != space_.evictable().size()) return "slots and extents differ in number";
  if (free_.size() + used != slots_.size()) return "the free list has another length";
  if (pins != pins_ || bytes_pinned != bytes_pinned_ || bytes_sealed != bytes_sealed_) return "sums are wrong";
  return "";
}

}  // namespace baton::arena
