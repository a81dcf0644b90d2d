#pragma once
// The service's own knowledge of each slot, and how it is written to and read from the shared records. Decisions are
// made from this private copy only; the records are for engines and for the next incarnation.
#include <cstdint>

#include "arena/layout.h"
#include "base/types.h"

namespace baton::arena {

struct Slot {
  SlotState state = SlotState::free;
  bool indexed = false;
  bool inherited = false;       // not sealed when this incarnation took it over
  uint32_t generation = 0, tokens = 0, pins = 0;
  int32_t writer = 0;           // pid, 0 = the service
  uint64_t writer_start = 0;
  Key key{};
  Namespace ns{};
  Geometry geometry{};
  uint64_t offset = 0, bytes = 0, fill = 0;
  uint64_t used = 0;            // rank of its last use

  bool unsealed() const { return state == SlotState::reserved || state == SlotState::filling; }
  bool evictable() const { return state == SlotState::sealed && indexed && pins == 0; }
};

// Everything but the head.
void write_fields(Record&, const Slot&);
// The head, which makes the fields valid: stored last when a slot begins, first when it ends.
void write_head(Record&, const Slot&);
// What a record says; nothing in it is checked.
Slot read_record(const Record&);
// Could this record, found in a file, be one that a service wrote? Bounds only, overlaps are the caller's business.
bool plausible(const Slot&, const Superblock&);

}  // namespace baton::arena
