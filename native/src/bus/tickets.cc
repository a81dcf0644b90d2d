#include "bus/tickets.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "bus/arrivals.h"
#include "bus/engines.h"
#include "bus/fills.h"
#include "bus/lanes.h"
#include "bus/source.h"
#include "bus/target.h"

namespace baton {

Ticket::Ticket() = default;
Ticket::~Ticket() = default;

Tickets::Tickets(Parts& parts)
    : parts_(parts), leases_(parts.loop, [this](const TicketId& id) {
        if (Ticket* ticket = find(id)) end(*ticket, TicketState::expired, Reason::none, true);
      }) {}

Ticket* Tickets::find(const TicketId& id) {
  const auto it = live_.find(id);
  return it == live_.end() ? nullptr : it->second.get();
}

const EndedTicket* Tickets::find_ended(const TicketId& id) const {
  const auto it = ended_.find(id);
  return it == ended_.end() ? nullptr : &it->second;
}

void Tickets::abort(const TicketId& id, Reason reason) {
  if (Ticket* ticket = find(id)) return end(*ticket, TicketState::aborted, reason, true);
  ++parts_.counters.late_messages;
}

void Tickets::renew(const TicketId& id, uint32_t lease_ms) {
  if (find(id) != nullptr) return leases_.set(id, lease_ms);
  ++parts_.counters.late_messages;
}

void Tickets::settle(const TicketId& id) {
  if (Ticket* ticket = find(id)) return end(*ticket, TicketState::settled, Reason::none, true);
  ++parts_.counters.late_messages;
}

void Tickets::streaming(Ticket& ticket) {
  if (ticket.state != TicketState::reserved) return;
  ticket.state = TicketState::streaming;
  changed(ticket);
}

void Tickets::chunk_done(Ticket& ticket, uint32_t chunk) {
  TicketChunk& c = ticket.chunks[chunk];
  c.done = true;
  ++ticket.landed;
  changed(ticket);
  if (ticket.role == 's') {
    // The slot stays as a cached chunk and is room again: so the window moves.
    parts_.arena.unpin(std::exchange(c.slot, kNoSlot));
    if (ticket.landed == ticket.needed) end(ticket, TicketState::settled, Reason::none, false);
    return;
  }
  if (ticket.landed == ticket.needed) landed(ticket);
}

void Tickets::landed(Ticket& ticket) {
  ticket.state = TicketState::landed;
  ++parts_.counters.tickets_landed;
  parts_.arrivals->arrived(ticket);
  tell_watcher(ticket);
  changed(ticket);
}

void Tickets::claimed(Ticket& ticket) {
  ++ticket.claims;
  if (ticket.state == TicketState::landed) ticket.state = TicketState::claimed;
  changed(ticket);
}

void Tickets::end(Ticket& ticket, TicketState state, Reason reason, bool tell) {
  if (!ticket.live()) return;
  const bool all_landed = ticket.landed == ticket.needed;
  ticket.state = state;
  ticket.reason = reason;
  BusCounters& count = parts_.counters;
  switch (state) {
    case TicketState::settled: ++count.tickets_settled; break;
    case TicketState::aborted: ++count.tickets_aborted; break;
    case TicketState::expired: ++count.tickets_expired; break;
    default: ++count.tickets_failed; break;
  }
  leases_.drop(ticket.id);
  tell_watcher(ticket);
  if (ticket.role == 's') {
    parts_.lanes->leave(ticket, tell);
    remember(ticket, true);
  } else {
    // First the lane lets go of the slots, then they are given back.
    const bool owed = tell && !all_landed && ticket.role == 't';
    const bool told = parts_.arrivals->leave(ticket, owed);
    remember(ticket, told || !owed);
    // The last first: of a chain that is evicted bit by bit, its beginning is worth most.
    for (size_t i = ticket.chunks.size(); i-- > 0;) {
      TicketChunk& c = ticket.chunks[i];
      if (c.slot == kNoSlot) continue;
      if (c.filling) parts_.fill_table->orphan(c.slot, false);
      else if (c.done) parts_.arena.unpin(c.slot);
      else parts_.arena.abandon(c.slot, false);
      c.slot = kNoSlot;
    }
  }
  const auto it = live_.find(ticket.id);
  parts_.mailbox.ticket(view_of(ticket));
  parts_.publish_soon();
  dead_.push_back(std::move(it->second));
  live_.erase(it);
  count.tickets_live = live_.size();
}

void Tickets::remember(const Ticket& ticket, bool told) {
  EndedTicket e{};
  e.state = ticket.state;
  e.reason = ticket.reason;
  e.role = ticket.role;
  e.landed = ticket.landed == ticket.needed;
  e.told = told;
  e.farewell = ticket.farewell();
  e.engine = ticket.engine;
  e.source_engine = ticket.source_engine;
  e.peer = ticket.peer;
  e.last_key = ticket.chunks.back().chunk.key;
  e.chunks = static_cast<uint32_t>(ticket.chunks.size());
  e.epoch = ticket.epoch;
  e.total_tokens = ticket.total_tokens();
  ended_.emplace(ticket.id, std::move(e));
  ended_order_.push_back(ticket.id);
  if (ended_order_.size() <= limits::kEndedTicketsKept) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

void Tickets::corrupt(SlotId slot) {
  for (const auto& [id, ticket] : live_) {
    for (TicketChunk& c : ticket->chunks) c.corrupt = c.corrupt || c.slot == slot;
  }
}

void Tickets::engine_gone(const std::string& engine, const Namespace& ns) {
  std::vector<Ticket*> failing;
  for (const auto& [id, ticket] : live_) {
    if (!ticket->fills_here() || ticket->source_engine != engine || ticket->ns != ns) continue;
    for (const TicketChunk& c : ticket->chunks) {
      // What is sealed goes on without the engine.
      if (!c.needed || c.done || (ticket->role == 's' && c.slot != kNoSlot && !c.filling)) continue;
      failing.push_back(ticket.get());
      break;
    }
  }
  fail_all(std::move(failing), Reason::engine_gone);
}

// In the order of their ids: what the one gives back may be what the next is decided by.
void Tickets::fail_all(std::vector<Ticket*> failing, Reason reason) {
  std::sort(failing.begin(), failing.end(), [](const Ticket* a, const Ticket* b) { return a->id < b->id; });
  for (Ticket* ticket : failing) fail(*ticket, reason, true);
}

void Tickets::tell_watcher(const Ticket& ticket) {
  if (ticket.watcher != 0) parts_.engines->push(ticket);
}

void Tickets::stop() {
  refusing_ = true;
  std::vector<Ticket*> all;
  for (const auto& [id, ticket] : live_) all.push_back(ticket.get());
  fail_all(std::move(all), Reason::stopping);
}

void Tickets::publish() {
  for (const TicketId& id : changed_) {
    Ticket* ticket = find(id);
    if (ticket == nullptr) continue;  // its end was told
    ticket->changed = false;
    parts_.mailbox.ticket(view_of(*ticket));
  }
  changed_.clear();
  dead_.clear();
}

TicketView view_of(const Ticket& ticket) {
  TicketView view;
  view.ticket = ticket.id;
  view.role = ticket.role;
  view.state = ticket.state;
  view.reason = ticket.reason;
  view.chunks = static_cast<uint32_t>(ticket.chunks.size());
  view.chunks_needed = ticket.needed;
  view.chunks_landed = ticket.landed;
  view.claims = ticket.claims;
  for (const TicketChunk& c : ticket.chunks) view.chunks_corrupt += c.corrupt;
  view.bytes_out = ticket.bytes_out;
  view.bytes_in = ticket.bytes_in;
  view.runs_resent = ticket.runs_resent;
  view.peer = ticket.peer;
  view.clock_offset_ns = ticket.clock_offset_ns;
  if (ticket.state >= TicketState::landed) view.layers = ticket.layers;
  return view;
}

}  // namespace baton
