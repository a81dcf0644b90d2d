// How a ticket begins: granted or refused at once, never made to wait for another.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "bus/arrivals.h"
#include "bus/engines.h"
#include "bus/lanes.h"
#include "bus/source.h"
#include "bus/target.h"
#include "bus/tickets.h"

namespace baton {

std::optional<Reason> Tickets::refusal(const TicketId& id, uint32_t chunks) const {
  if (refusing_) return Reason::stopping;
  if (chunks == 0 || chunks > limits::kChunksPerTicketMax) return Reason::malformed;
  if (live_.contains(id) || ended_.contains(id)) return Reason::duplicate_ticket;
  if (live_.size() >= limits::kTicketsMax) return Reason::busy;
  return {};
}

void Tickets::refuse(const TicketId& id, char role, Reason reason) {
  ++parts_.counters.tickets_refused;
  Granted answer;
  answer.ticket = id;
  answer.role = role;
  answer.reason = reason;
  const ArenaStats stats = parts_.arena.stats();
  answer.free_bytes = stats.bytes_total - stats.bytes_pinned;
  parts_.mailbox.granted(std::move(answer));
  parts_.publish_soon();
}

void Tickets::grant(const Ticket& ticket) {
  Granted answer;
  answer.ticket = ticket.id;
  answer.role = ticket.role;
  answer.granted = true;
  answer.epoch = ticket.epoch;
  for (const TicketChunk& c : ticket.chunks) {
    // A target says what it lacks; a source, what its engine still has to gather.
    answer.need.push_back(ticket.role == 's' ? c.needed && c.slot == kNoSlot : c.needed);
  }
  const ArenaStats stats = parts_.arena.stats();
  answer.free_bytes = stats.bytes_total - stats.bytes_pinned;
  parts_.mailbox.granted(std::move(answer));
  parts_.publish_soon();
}

bool Tickets::hold(Ticket& ticket, uint32_t chunk) {
  TicketChunk& c = ticket.chunks[chunk];
  const SlotId slot = parts_.engines->held(c.chunk.key, ticket.ns, ticket.geometry, c.chunk.tokens);
  if (slot == kNoSlot) return false;
  parts_.arena.pin(slot);
  c.slot = slot;
  return true;
}

// The last first: of a chain that is evicted bit by bit, its beginning is worth most.
void Tickets::release(const Ticket& ticket) {
  for (auto c = ticket.chunks.rbegin(); c != ticket.chunks.rend(); ++c) {
    if (c->slot != kNoSlot) parts_.arena.unpin(c->slot);
  }
}

void Tickets::open(const OpenTicket& request) {
  const bool shared = request.source_node == parts_.options.node;
  const char role = shared ? 'b' : 't';
  const auto count = static_cast<uint32_t>(request.chunks.size());
  if (const auto reason = refusal(request.ticket, count)) return refuse(request.ticket, role, *reason);
  const auto* engine = parts_.engines->attachment(request.engine, request.ns);
  const auto* writer = shared ? parts_.engines->attachment(request.source_engine, request.ns) : engine;
  if (engine == nullptr || writer == nullptr) return refuse(request.ticket, role, Reason::no_attachment);

  auto owned = std::make_unique<Ticket>();
  Ticket& ticket = *owned;
  ticket.id = request.ticket;
  ticket.role = role;
  ticket.engine = request.engine;
  ticket.source_engine = shared ? request.source_engine : "";
  ticket.ns = request.ns;
  ticket.geometry = engine->geometry;
  ticket.peer = request.source_node;
  ticket.epoch = parts_.epoch();
  for (const Chunk& chunk : request.chunks) {
    if (chunk.tokens == 0 || chunk.tokens > ticket.geometry.chunk_tokens) {
      return refuse(request.ticket, role, Reason::malformed);
    }
    ticket.chunks.push_back({chunk, false, kNoSlot, false, false, false});
  }
  const auto give_up = [&](Reason reason) {
    release(ticket);
    refuse(request.ticket, role, reason);
  };
  // What is here already is pinned before anything is reserved, lest it be evicted for the rest.
  std::vector<uint32_t> lacking;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; ++i) {
    TicketChunk& c = ticket.chunks[i];
    c.needed = !hold(ticket, i);
    c.done = !c.needed;
    if (!c.needed) continue;
    lacking.push_back(c.chunk.tokens);
    bytes += ticket.geometry.payload_bytes(c.chunk.tokens);
  }
  ticket.needed = static_cast<uint32_t>(lacking.size());
  const auto share = parts_.options.ticket_share_max * static_cast<double>(parts_.arena.stats().bytes_total);
  if (static_cast<double>(bytes) > share) return give_up(Reason::too_large);
  if (!parts_.arena.fits(ticket.geometry, lacking)) return give_up(Reason::target_full);
  for (TicketChunk& c : ticket.chunks) {
    if (!c.needed) continue;
    c.slot = parts_.arena.reserve(c.chunk.key, ticket.ns, ticket.geometry, c.chunk.tokens, ++parts_.fills,
                                  shared ? writer->pid : 0);
    if (c.slot == kNoSlot) return give_up(Reason::target_full);
  }
  if (!shared) ticket.target = std::make_unique<Target>(ticket, parts_.arena);
  ++parts_.counters.tickets_opened;
  admit(std::move(owned), request.lease_ms);
  if (!shared && ticket.needed > 0) parts_.arrivals->await(ticket);
  if (ticket.needed == 0) landed(ticket);
}

void Tickets::expect(const ExpectTicket& request) {
  const auto count = static_cast<uint32_t>(request.chunks.size());
  if (const auto reason = refusal(request.ticket, count)) return refuse(request.ticket, 's', *reason);
  if (request.need.size() != count) return refuse(request.ticket, 's', Reason::malformed);
  const auto* engine = parts_.engines->attachment(request.engine, request.ns);
  if (engine == nullptr) return refuse(request.ticket, 's', Reason::no_attachment);

  auto owned = std::make_unique<Ticket>();
  Ticket& ticket = *owned;
  ticket.id = request.ticket;
  ticket.role = 's';
  ticket.source_engine = request.engine;
  ticket.ns = request.ns;
  ticket.geometry = engine->geometry;
  ticket.peer = request.target_node;
  ticket.epoch = request.epoch;
  std::vector<uint32_t> first_missing;
  for (uint32_t i = 0; i < count; ++i) {
    const Chunk& chunk = request.chunks[i];
    if (chunk.tokens == 0 || chunk.tokens > ticket.geometry.chunk_tokens) {
      return refuse(request.ticket, 's', Reason::malformed);
    }
    ticket.chunks.push_back({chunk, request.need[i] != 0, kNoSlot, false, false, false});
    if (request.need[i] != 0) ++ticket.needed;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (ticket.chunks[i].needed && !hold(ticket, i) && first_missing.empty()) {
      first_missing.push_back(ticket.chunks[i].chunk.tokens);
    }
  }
  // The window moves with the acknowledgements; without room for even one chunk it cannot begin.
  if (!first_missing.empty() && !parts_.arena.fits(ticket.geometry, first_missing)) {
    release(ticket);
    return refuse(request.ticket, 's', Reason::source_full);
  }
  ticket.source = std::make_unique<Source>(ticket, parts_.arena);
  ++parts_.counters.tickets_expected;
  admit(std::move(owned), request.lease_ms);
  if (ticket.needed == 0) return end(ticket, TicketState::settled, Reason::none, false);
  parts_.lanes->join(ticket, request.target_host, request.target_port);
  for (uint32_t i = 0; i < count; ++i) {
    if (ticket.chunks[i].slot != kNoSlot) ticket.source->ready_all(i);
  }
  parts_.lanes->more(ticket);
}

void Tickets::admit(std::unique_ptr<Ticket> owned, uint32_t lease_ms) {
  Ticket& ticket = *owned;
  ticket.layers.resize(ticket.geometry.layers);
  leases_.set(ticket.id, lease_ms);
  live_.emplace(ticket.id, std::move(owned));
  parts_.counters.tickets_live = live_.size();
  grant(ticket);
  changed(ticket);
}

}  // namespace baton
