#include "arena/directory.h"

#include "base/limits.h"

namespace baton::arena {

std::optional<SlotId> Directory::find(const Key& key) const {
  const auto it = slots_.find(key);
  return it == slots_.end() ? std::nullopt : std::optional(it->second);
}

bool Directory::add(SlotId id, const Slot& slot) {
  if (!slots_.emplace(slot.key, id).second) return false;
  writer_.insert(id, words_of(slot.key));
  tell(ChunkEvent::stored, slot);
  return true;
}

void Directory::remove(SlotId id, const Slot& slot) {
  writer_.erase(id);
  slots_.erase(slot.key);
  tell(ChunkEvent::removed, slot);
}

void Directory::restore(SlotId id, const Slot& slot) {
  slots_.emplace(slot.key, id);
  writer_.insert(id, words_of(slot.key));
  lost_ = true;
}

void Directory::tell(ChunkEvent kind, const Slot& slot) {
  if (lost_) return;
  if (events_.size() < limits::kEventsMax) {
    events_.push_back({kind, slot.key, slot.ns, slot.tokens});
    return;
  }
  events_.clear();
  lost_ = true;
}

std::vector<Arena::Event> Directory::take_events(bool& lost) {
  lost = lost_;
  lost_ = false;
  return std::exchange(events_, {});
}

}  // namespace baton::arena
