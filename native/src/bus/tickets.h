#pragma once
// The ticket table and every change of a ticket's state (docs/wire.md §Ticket). Whatever ends a ticket ends it here.
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/leases.h"
#include "bus/parts.h"
#include "bus/ticket.h"

namespace baton {

// What is remembered of an ended ticket, so that late calls hear of it.
struct EndedTicket {
  TicketState state;
  Reason reason;
  char role;
  bool landed;                 // everything that was needed
  bool told;                   // the source knows, or needs not to
  Reason farewell;
  std::string engine, source_engine, peer;
  Key last_key{};
  uint32_t chunks, epoch;
  uint64_t total_tokens;
};

class Tickets {
 public:
  explicit Tickets(Parts&);

  void open(const OpenTicket&);
  void expect(const ExpectTicket&);
  void abort(const TicketId&, Reason);
  void renew(const TicketId&, uint32_t lease_ms);
  void settle(const TicketId&);
  void refuse_new() { refusing_ = true; }
  void stop();                                   // fails all that live

  Ticket* find(const TicketId&);                 // live ones only
  const EndedTicket* find_ended(const TicketId&) const;
  // Calls say(id, ticket) for each ended target whose source could not be told; then it counts as told.
  template <class Say>
  void tell_source(const std::string& peer, Say&& say) {
    for (const TicketId& id : ended_order_) {
      EndedTicket& past = ended_.at(id);
      if (past.told || past.peer != peer) continue;
      past.told = true;
      say(id, past);
    }
  }

  bool hold(Ticket&, uint32_t chunk);            // pins the chunk if the arena has it sealed
  void streaming(Ticket&);                       // its first bytes moved
  void chunk_done(Ticket&, uint32_t chunk);      // source: acknowledged whole; else: sealed here
  void claimed(Ticket&);
  void corrupt(SlotId);                          // a reader found other bytes in it than were verified
  // Fails what still waits for this engine to fill it.
  void engine_gone(const std::string& engine, const Namespace&);
  void changed(Ticket& ticket) {
    if (!std::exchange(ticket.changed, true)) changed_.push_back(ticket.id);
    parts_.publish_soon();
  }
  // `tell`: the other end is to hear of it.
  void fail(Ticket& ticket, Reason reason, bool tell) { end(ticket, TicketState::failed, reason, tell); }
  void end(Ticket&, TicketState, Reason, bool tell);

  void publish();                                // changed tickets to the mailbox

 private:
  std::optional<Reason> refusal(const TicketId&, uint32_t chunks) const;
  void admit(std::unique_ptr<Ticket>, uint32_t lease_ms);
  void grant(const Ticket&);
  void refuse(const TicketId&, char role, Reason);
  void release(const Ticket&);                   // what it has pinned, of one that is not admitted
  void remember(const Ticket&, bool told);
  void landed(Ticket&);
  void tell_watcher(const Ticket&);
  void fail_all(std::vector<Ticket*>, Reason);

  Parts& parts_;
  Leases leases_;
  bool refusing_ = false;
  std::unordered_map<TicketId, std::unique_ptr<Ticket>, FirstWord> live_;
  std::unordered_map<TicketId, EndedTicket, FirstWord> ended_;
  std::deque<TicketId> ended_order_;
  std::vector<std::unique_ptr<Ticket>> dead_;    // ended in this turn: still referred to on the stack
  std::vector<TicketId> changed_;                // since the last publish(), in the order of their first change
};

TicketView view_of(const Ticket&);

}  // namespace baton
