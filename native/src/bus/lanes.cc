#include "bus/lanes.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"
#include "bus/fills.h"
#include "bus/source.h"
#include "bus/tickets.h"
#include "path/endpoint.h"

namespace baton {
namespace {

constexpr uint64_t kFirstPauseNs = 50'000'000;  // doubled with every attempt

}  // namespace

Lanes::~Lanes() {
  for (auto& [node, peer] : peers_) parts_.loop.cancel(peer.redial_timer);
}

Lanes::Peer* Lanes::peer_of(uint64_t lane) {
  const auto it = by_lane_.find(lane);
  return it == by_lane_.end() ? nullptr : it->second;
}

void Lanes::join(Ticket& ticket, const std::string& host, uint16_t port) {
  Peer& peer = peers_[ticket.peer];
  peer.node = ticket.peer;
  if (peer.host != host || peer.port != port) peer.incarnation = 0;
  peer.host = host;
  peer.port = port;
  peer.tickets.emplace(ticket.id, peer.up ? peer.incarnation : 0);
  ticket.clock_offset_ns = peer.clock_offset_ns;
  if (peer.lane == 0 && peer.redial_timer == 0) dial(peer);
  need(peer);
}

void Lanes::dial(Peer& peer) {
  if (by_lane_.size() >= limits::kLanesMax / 2) close_an_idle_one();
  const uint64_t wanted = planted(Planted::any_incarnation) ? 0 : peer.incarnation;
  peer.lane = parts_.endpoint->dial(peer.node, peer.host, peer.port, wanted);
  by_lane_[peer.lane] = &peer;
}

void Lanes::close_an_idle_one() {
  for (auto& [node, peer] : peers_) {
    if (!peer.up || !peer.tickets.empty() || !peer.lingering.empty()) continue;
    by_lane_.erase(peer.lane);
    parts_.endpoint->close(peer.lane);
    peers_.erase(node);
    return;
  }
}

void Lanes::need(Peer& peer) {
  if (peer.lane != 0) parts_.endpoint->need(peer.lane, !peer.tickets.empty() || !peer.lingering.empty());
}

void Lanes::more(Ticket& ticket) {
  const auto it = peers_.find(ticket.peer);
  if (it == peers_.end() || !ticket.source->waiting()) return;
  if (!std::exchange(ticket.source->in_turn, true)) it->second.turns.push_back(ticket.id);
  pump(it->second);
}

// One run of each ticket after the other, so that a long prompt does not hold up a short one.
void Lanes::pump(Peer& peer) {
  if (!peer.up) return;
  path::Lane* lane = parts_.endpoint->find(peer.lane);
  while (lane != nullptr && !peer.turns.empty()) {
    const TicketId id = peer.turns.front();
    Ticket* ticket = parts_.tickets->find(id);
    if (ticket != nullptr && ticket->source->waiting()) {
      const path::Run run = ticket->source->next();
      if (!lane->announce(run)) return;
      ticket->source->handed_over(run);
    }
    peer.turns.pop_front();
    if (ticket == nullptr) continue;
    if (ticket->source->waiting()) peer.turns.push_back(id);
    else ticket->source->in_turn = false;
  }
}

void Lanes::leave(Ticket& ticket, bool tell) {
  const auto it = peers_.find(ticket.peer);
  std::vector<SlotId> slots;
  const bool lane_reads = it != peers_.end() && it->second.up && ticket.source->in_flight() > 0 &&
                          !planted(Planted::lane_reads);
  for (TicketChunk& c : ticket.chunks) {
    if (c.slot == kNoSlot) continue;
    if (c.filling) {
      parts_.fill_table->orphan(c.slot, lane_reads);
      c.filling = false;
      if (!lane_reads) c.slot = kNoSlot;
    }
    if (c.slot != kNoSlot) slots.push_back(std::exchange(c.slot, kNoSlot));
  }
  if (it == peers_.end()) return let_go(slots);
  Peer& peer = it->second;
  peer.tickets.erase(ticket.id);
  if (lane_reads) peer.lingering.emplace(ticket.id, std::move(slots));
  else let_go(slots);
  path::Lane* lane = peer.up ? parts_.endpoint->find(peer.lane) : nullptr;
  if (lane != nullptr && (tell || lane_reads)) {
    lane->cancel(ticket.id, ticket.epoch, ticket.farewell(), false);
  } else if (tell && (peer.lane != 0 || peer.redial_timer != 0) && peer.farewells.size() < limits::kTicketsMax) {
    peer.farewells.push_back({ticket.id, ticket.epoch, ticket.farewell()});
  }
  need(peer);
  forget_if_idle(peer);
}

void Lanes::let_go(const std::vector<SlotId>& slots) {
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {  // a chain's beginning is worth most
    if (!parts_.fill_table->lane_let_go(*slot)) parts_.arena.unpin(*slot);
  }
}

void Lanes::up(uint64_t lane_id, int64_t clock_offset_ns) {
  Peer* peer = peer_of(lane_id);
  path::Lane* lane = parts_.endpoint->find(lane_id);
  if (peer == nullptr || lane == nullptr) return;
  peer->up = true;
  peer->incarnation = parts_.endpoint->peer_incarnation(lane_id);
  peer->clock_offset_ns = clock_offset_ns;
  for (const Farewell& f : std::exchange(peer->farewells, {})) lane->cancel(f.ticket, f.epoch, f.reason, false);
  for (auto& [id, incarnation] : peer->tickets) {
    if (incarnation == 0) incarnation = peer->incarnation;
    if (Ticket* ticket = parts_.tickets->find(id)) ticket->clock_offset_ns = clock_offset_ns;
  }
  need(*peer);
  pump(*peer);
}

void Lanes::down(uint64_t lane, Reason reason, bool retryable) {
  Peer* peer = peer_of(lane);
  if (peer == nullptr) return;
  by_lane_.erase(lane);
  peer->lane = 0;
  peer->up = false;
  for (auto& [id, slots] : std::exchange(peer->lingering, {})) let_go(slots);
  peer->turns.clear();
  for (const auto& [id, incarnation] : peer->tickets) {
    Ticket* ticket = parts_.tickets->find(id);
    if (ticket == nullptr) continue;
    ticket->source->lane_lost();
    ticket->source->in_turn = ticket->source->waiting();
    if (ticket->source->in_turn) peer->turns.push_back(id);
  }
  const bool wanted = !peer->tickets.empty() || !peer->farewells.empty();
  if (retryable && wanted && peer->attempts < limits::kReconnectsPerLaneMax) return dial_again(*peer);
  give_up(*peer, reason);
}

void Lanes::dial_again(Peer& peer) {
  const uint64_t pause = kFirstPauseNs << peer.attempts++;
  peer.redial_timer = parts_.loop.after(pause, [this, &peer] {
    peer.redial_timer = 0;
    if (peer.tickets.empty() && peer.farewells.empty()) return forget_if_idle(peer);
    dial(peer);
    need(peer);
  });
}

// The tickets of the incarnation that is gone fail; those that came since get a try of their own.
void Lanes::give_up(Peer& peer, Reason reason) {
  const uint64_t gone = std::exchange(peer.incarnation, 0);
  peer.attempts = 0;
  peer.farewells.clear();
  std::vector<TicketId> failing;
  for (const auto& [id, incarnation] : peer.tickets) {
    if (gone == 0 || incarnation != 0) failing.push_back(id);
  }
  const std::string node = peer.node;  // leaving may forget the peer
  for (const TicketId& id : failing) {
    if (Ticket* ticket = parts_.tickets->find(id)) parts_.tickets->fail(*ticket, reason, false);
  }
  const auto it = peers_.find(node);
  if (it == peers_.end()) return;
  if (!it->second.tickets.empty() && it->second.lane == 0) dial_again(it->second);
  else forget_if_idle(it->second);
}

void Lanes::forget_if_idle(Peer& peer) {
  if (peer.lane != 0 || peer.redial_timer != 0 || !peer.tickets.empty()) return;
  peers_.erase(std::string(peer.node));
}

void Lanes::writable(uint64_t lane) {
  if (Peer* peer = peer_of(lane)) pump(*peer);
}

void Lanes::sending(const path::Run& run, uint64_t now_ns) {
  Ticket* ticket = parts_.tickets->find(run.ticket);
  if (ticket == nullptr || ticket->role != 's') return;
  ticket->source->first_byte(run, now_ns);
  parts_.tickets->streaming(*ticket);
}

void Lanes::acknowledged(uint64_t lane, const path::Run& run, path::Landing landing, Reason) {
  Peer* peer = peer_of(lane);
  Ticket* ticket = parts_.tickets->find(run.ticket);
  if (peer == nullptr || ticket == nullptr || ticket->role != 's' || ticket->epoch != run.epoch) {
    ++parts_.counters.late_messages;
    return;
  }
  switch (landing) {
    case path::Landing::ok:
      peer->attempts = 0;
      if (ticket->source->acknowledged(run)) parts_.tickets->chunk_done(*ticket, run.chunk);
      return;
    case path::Landing::wrong_bytes: return wrong(*ticket, run);
    case path::Landing::refused: return parts_.tickets->fail(*ticket, Reason::peer_failed, false);
  }
}

void Lanes::wrong(Ticket& ticket, const path::Run& run) {
  if (ticket.source->again(run)) {
    ++parts_.counters.runs_resent;
    return more(ticket);
  }
  // If the bytes went bad here, nobody else must be given them.
  const TicketChunk& c = ticket.chunks[run.chunk];
  if (c.slot != kNoSlot && !ticket.source->intact(run.chunk)) {
    ++parts_.counters.stripes_wrong;
    parts_.arena.drop(c.slot);
  }
  parts_.tickets->fail(ticket, Reason::digest_mismatch, true);
}

void Lanes::cancelled(uint64_t lane, const TicketId& id, uint32_t epoch, Reason reason) {
  Peer* peer = peer_of(lane);
  if (peer == nullptr) return;
  if (const auto it = peer->lingering.find(id); it != peer->lingering.end()) {
    const std::vector<SlotId> slots = std::move(it->second);
    peer->lingering.erase(it);
    let_go(slots);
    return need(*peer);
  }
  Ticket* ticket = parts_.tickets->find(id);
  if (ticket == nullptr || ticket->role != 's' || ticket->epoch != epoch || ticket->peer != peer->node) {
    ++parts_.counters.late_messages;
    return;
  }
  // Without a reason the target needs no more of it.
  if (reason == Reason::none) return parts_.tickets->end(*ticket, TicketState::settled, reason, false);
  parts_.tickets->fail(*ticket, reason, false);
}

}  // namespace baton
