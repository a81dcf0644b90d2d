#pragma once
// What the service has pushed about the tickets an engine asked for. Bounded: past kSessionWatchedMax the
// oldest is forgotten, and a later question about it is a round trip again. Not thread-safe.
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "session/messages.h"

namespace baton::session {

// What baton_ticket_poll answers for this state.
int code_of(const Ticket&);

class Watched {
 public:
  // Remembers the ticket, its progress still unknown. Returns the ticket forgotten to make room.
  std::optional<TicketId> add(const TicketId&);
  bool note(const Ticket&);  // false: not watched
  void remove(const TicketId&);
  bool holds(const TicketId& ticket) const { return entries_.contains(ticket); }
  std::optional<int> code(const TicketId&) const;  // nothing: not watched, or not known yet

 private:
  struct Entry {
    uint64_t order;
    std::optional<int> code;
  };
  std::unordered_map<TicketId, Entry, FirstWord> entries_;
  std::map<uint64_t, TicketId> oldest_;
  uint64_t orders_ = 0;
};

}  // namespace baton::session
