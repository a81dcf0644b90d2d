#include "session/watched.h"

#include "base/limits.h"

namespace baton::session {

int code_of(const Ticket& ticket) {
  if (ticket.status < 0) return ticket.status;
  switch (ticket.state) {
    case TicketState::none:
      return BATON_ERR_UNKNOWN;
    case TicketState::reserved:
    case TicketState::streaming:
      return BATON_LANDING;
    case TicketState::landed:
    case TicketState::claimed:
      return BATON_OK;
    default:
      return BATON_ERR_ENDED;
  }
}

std::optional<TicketId> Watched::add(const TicketId& ticket) {
  const auto [it, added] = entries_.try_emplace(ticket, Entry{orders_ + 1, std::nullopt});
  if (!added) return std::nullopt;
  oldest_.emplace(++orders_, ticket);
  if (entries_.size() <= limits::kSessionWatchedMax) return std::nullopt;
  const TicketId forgotten = oldest_.begin()->second;
  remove(forgotten);
  return forgotten;
}

bool Watched::note(const Ticket& ticket) {
  const auto it = entries_.find(ticket.ticket);
  if (it == entries_.end()) return false;
  it->second.code = code_of(ticket);
  return true;
}

void Watched::remove(const TicketId& ticket) {
  const auto it = entries_.find(ticket);
  if (it == entries_.end()) return;
  oldest_.erase(it->second.order);
  entries_.erase(it);
}

std::optional<int> Watched::code(const TicketId& ticket) const {
  const auto it = entries_.find(ticket);
  return it == entries_.end() ? std::nullopt : it->second.code;
}

}  // namespace baton::session
