#pragma once
// Key → sealed slot, and the news of it: the private map, the shared index and the events for the router.
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "arena/arena.h"
#include "arena/index.h"
#include "arena/slots.h"

namespace baton::arena {

class Directory {
 public:
  explicit Directory(const IndexTable& table) : writer_(table) { writer_.clear(); }

  std::optional<SlotId> find(const Key&) const;
  bool add(SlotId, const Slot&);     // false when the key is taken; one `stored` event
  void remove(SlotId, const Slot&);  // one `removed` event
  void restore(SlotId, const Slot&);  // of an earlier incarnation: no event, but "re-list"

  std::vector<Arena::Event> take_events(bool& lost);
  size_t size() const { return slots_.size(); }
  bool in_shared_index(SlotId slot) const { return writer_.has(slot); }

 private:
  void tell(ChunkEvent, const Slot&);

  std::unordered_map<Key, SlotId, FirstWord> slots_;
  IndexWriter writer_;
  std::vector<Arena::Event> events_;
  bool lost_ = false;  // until taken, nothing more is recorded: a list says it all
};

}  // namespace baton::arena
