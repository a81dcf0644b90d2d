#include "bus/arrivals.h"

#include <utility>

#include "base/planted.h"
#include "bus/target.h"
#include "bus/tickets.h"
#include "path/endpoint.h"

namespace baton {

Arrivals::~Arrivals() {
  for (auto& [name, node] : nodes_) parts_.loop.cancel(node.grace_timer);
}

const std::string* Arrivals::node_of(uint64_t lane) const {
  const auto it = by_lane_.find(lane);
  return it == by_lane_.end() ? nullptr : &it->second;
}

void Arrivals::need(const Node& node) {
  if (node.lane != 0) parts_.endpoint->need(node.lane, !node.waiting.empty());
}

void Arrivals::await(Ticket& ticket) {
  Node& node = nodes_[ticket.peer];
  node.waiting.insert(ticket.id);
  ticket.clock_offset_ns = node.clock_offset_ns;
  need(node);
}

void Arrivals::arrived(Ticket& ticket) {
  const auto it = nodes_.find(ticket.peer);
  if (it == nodes_.end()) return;
  it->second.waiting.erase(ticket.id);
  it->second.lost.erase(ticket.id);
  need(it->second);
  if (it->second.waiting.empty() && it->second.lane == 0) {
    parts_.loop.cancel(it->second.grace_timer);
    nodes_.erase(it);
  }
}

bool Arrivals::leave(Ticket& ticket, bool tell) {
  const auto it = nodes_.find(ticket.peer);
  const uint64_t id = it == nodes_.end() ? 0 : it->second.lane;
  path::Lane* lane = id == 0 ? nullptr : parts_.endpoint->find(id);
  const bool told = lane != nullptr && tell;
  if (told) lane->cancel(ticket.id, ticket.epoch, ticket.farewell(), true);
  arrived(ticket);
  return told;
}

void Arrivals::up(uint64_t lane_id, int64_t clock_offset_ns) {
  path::Lane* lane = parts_.endpoint->find(lane_id);
  if (lane == nullptr) return;
  by_lane_[lane_id] = lane->peer();
  Node& node = nodes_[lane->peer()];
  node.lane = lane_id;
  node.clock_offset_ns = clock_offset_ns;
  node.lost.clear();
  for (const TicketId& id : node.waiting) {
    if (Ticket* ticket = parts_.tickets->find(id)) ticket->clock_offset_ns = clock_offset_ns;
  }
  need(node);
  // What ended while there was no lane: a source that still fills for it would learn so only by its lease.
  parts_.tickets->tell_source(lane->peer(), [&](const TicketId& id, const EndedTicket& past) {
    lane->cancel(id, past.epoch, past.farewell, true);
  });
}

// The source dials again by itself; it has as long for that as for being silent.
void Arrivals::down(uint64_t lane) {
  const auto by_lane = by_lane_.find(lane);
  if (by_lane == by_lane_.end()) return;
  const std::string name = by_lane->second;
  by_lane_.erase(by_lane);
  const auto it = nodes_.find(name);
  if (it == nodes_.end() || it->second.lane != lane) return;
  Node& node = it->second;
  node.lane = 0;
  if (node.waiting.empty()) {
    parts_.loop.cancel(node.grace_timer);
    nodes_.erase(it);
    return;
  }
  node.lost = node.waiting;
  parts_.loop.cancel(node.grace_timer);
  const uint64_t grace_ns = uint64_t{parts_.options.lane_silence_ms} * 1'000'000;
  node.grace_timer = parts_.loop.after(grace_ns, [this, name] { fail_lost(name); });
}

void Arrivals::fail_lost(const std::string& name) {
  Node& node = nodes_[name];
  node.grace_timer = 0;
  for (const TicketId& id : std::exchange(node.lost, {})) {
    if (Ticket* ticket = parts_.tickets->find(id)) parts_.tickets->fail(*ticket, Reason::lane_lost, true);
  }
}

path::Place Arrivals::refuse(Reason reason) {
  BusCounters& count = parts_.counters;
  if (reason == Reason::unknown_ticket) ++count.refused_unknown;
  else if (reason == Reason::foreign_ticket) ++count.refused_foreign;
  else if (reason == Reason::ended_ticket) ++count.refused_ended;
  path::Place place;
  place.reason = reason;
  return place;
}

path::Place Arrivals::place(uint64_t lane, const path::Run& run) {
  const std::string* node = node_of(lane);
  Ticket* ticket = parts_.tickets->find(run.ticket);
  if (ticket == nullptr) {
    const EndedTicket* past = parts_.tickets->find_ended(run.ticket);
    if (past == nullptr) return refuse(Reason::unknown_ticket);
    if (node == nullptr || past->peer != *node || past->role != 't') return refuse(Reason::foreign_ticket);
    // Announced again because acknowledgements were lost with a lane: all of it is here.
    if (past->landed && past->epoch == run.epoch) return {};
    return refuse(Reason::ended_ticket);
  }
  if (node == nullptr || ticket->role != 't' || ticket->peer != *node) return refuse(Reason::foreign_ticket);
  if (ticket->epoch != run.epoch && !planted(Planted::any_epoch)) return refuse(Reason::ended_ticket);
  return ticket->target->place(run);
}

void Arrivals::landed(uint64_t, const path::Run& run, path::Landing landing) {
  Ticket* ticket = parts_.tickets->find(run.ticket);
  if (ticket == nullptr || ticket->role != 't' || (ticket->epoch != run.epoch && !planted(Planted::any_epoch))) {
    ++parts_.counters.late_messages;
    return;
  }
  if (landing != path::Landing::ok) {
    ++parts_.counters.stripes_wrong;
    return;
  }
  parts_.tickets->streaming(*ticket);
  if (!ticket->target->landed(run, parts_.loop.now_ns())) return;
  parts_.arena.seal(ticket->chunks[run.chunk].slot);
  parts_.tickets->chunk_done(*ticket, run.chunk);
}

void Arrivals::cancelled(uint64_t lane_id, const TicketId& id, uint32_t epoch, Reason reason) {
  const std::string* node = node_of(lane_id);
  Ticket* ticket = parts_.tickets->find(id);
  if (node != nullptr && ticket != nullptr && ticket->role == 't' && ticket->peer == *node &&
      ticket->epoch == epoch && ticket->landed < ticket->needed) {
    parts_.tickets->fail(*ticket, reason == Reason::none ? Reason::peer_failed : reason, false);
  } else {
    ++parts_.counters.late_messages;
  }
  // Frames come in order, so nothing of it is under way any more.
  if (path::Lane* lane = parts_.endpoint->find(lane_id)) lane->cancel(id, epoch, reason, true);
}

}  // namespace baton
