// What a new incarnation does with the slots that it finds in the file.
#include <algorithm>

#include "arena/store.h"
#include "base/planted.h"

namespace baton::arena {

// Sealed chunks are kept; a slot that an engine may still be writing to waits for that process to end or to confirm; all
// else is free. A record that cannot be true is freed, so a damaged file costs cache hits and nothing more.
void Store::recover() {
  std::vector<SlotId> found;
  for (SlotId id = 0; id < slots_.size(); ++id) {
    slots_[id] = read_record(record(id));
    if (slots_[id].state != SlotState::free) found.push_back(id);
  }
  // Slots with live writers first: their place is taken whatever other records say. Then the most recently used.
  const auto waits = [](const Slot& slot) { return slot.state != SlotState::sealed; };
  std::sort(found.begin(), found.end(), [&](SlotId a, SlotId b) {
    return std::make_pair(!waits(slots_[a]), ~slots_[a].used) < std::make_pair(!waits(slots_[b]), ~slots_[b].used);
  });
  for (const SlotId id : found) {
    Slot& slot = slots_[id];
    if (!plausible(slot, memory_->super()) || !adopt(id, slot)) slot.state = SlotState::free;
    write_head(record(id), slot);
  }
  for (SlotId id = static_cast<SlotId>(slots_.size()); id-- > 0;) {
    if (slots_[id].state != SlotState::free) continue;
    const uint32_t generation = slots_[id].generation;
    slots_[id] = Slot{};
    slots_[id].generation = generation;
    free_.push_back(id);
  }
}

bool Store::adopt(SlotId id, Slot& slot) {
  slot.pins = 0;
  switch (slot.state) {
    case SlotState::sealed:
      // Not indexed: it served pins of an earlier incarnation, or was found corrupt.
      if (!slot.indexed || directory_.find(slot.key) || !space_.take(id, slot.offset, slot.bytes)) return false;
      directory_.restore(id, slot);
      uses_ = std::max(uses_, slot.used);
      slot.used = std::max<uint64_t>(slot.used, 1);
      space_.rank(slot.offset, slot.used);
      bytes_sealed_ += slot.bytes;
      return true;
    case SlotState::reserved:
    case SlotState::filling:
    case SlotState::quiescing:
      if (!writer_lives(slot) || planted(Planted::takeover_reuse) || !space_.take(id, slot.offset, slot.bytes)) return false;
      slot.state = SlotState::quiescing;
      slot.indexed = false;
      slot.inherited = true;
      quiescing_.push_back(id);
      return true;
    default:
      return false;
  }
}

}  // namespace baton::arena
