#pragma once
// Slots that engines write: begun, filled layer by layer, sealed, or given up. A fill is its own until sealed; a slot
// whose fill ended early is not used again before both its engine and its lane have let go of it.
#include <unordered_map>
#include <vector>

#include "bus/bits.h"
#include "bus/parts.h"
#include "bus/ticket.h"
#include "session/server.h"

namespace baton {

class Fills {
 public:
  explicit Fills(Parts& parts) : parts_(parts) {}

  session::Slot begin(session::SessionId, const session::Attach&, const session::Fill&);
  void give_up(session::SessionId, const session::Abandon&);
  void announce(session::SessionId, const session::Announce&);
  // The engine may still write what it has begun, but nobody waits for it.
  void session_ended(session::SessionId);
  // It writes nothing of that any more.
  void session_gone(session::SessionId);

  // The ticket of this slot's fill has ended before the fill.
  void orphan(SlotId, bool lane_reads);
  // The lane has let go of the slot; false when no fill holds it.
  bool lane_let_go(SlotId);

 private:
  struct Fill {
    uint64_t id = 0;
    uint32_t generation = 0;
    session::SessionId session = 0;
    TicketId ticket{};
    bool has_ticket = false;
    uint32_t chunk = 0, heads = 0;
    Bits layers;               // announced
    bool over = false;         // its ticket has ended
    bool lane_reads = false;   // over: a lane may still read the slot
    bool writer_done = false;  // over: the engine does not write any more
  };
  session::Slot begin_for(Ticket&, session::SessionId, const session::Attach&, const session::Fill&);
  session::Slot start(SlotId, session::SessionId, const session::Fill&, const Geometry&);
  SlotId reserve(const session::Attach&, const session::Fill&);
  Fill* at(SlotId);
  std::vector<SlotId> of(session::SessionId) const;
  Fill* find(session::SessionId, SlotId, uint32_t generation);
  void filled(SlotId, Fill&, uint32_t layer, uint64_t computed_ns);
  void writer_done(SlotId, Fill&);

  Parts& parts_;
  std::unordered_map<SlotId, Fill> live_;
};

}  // namespace baton
