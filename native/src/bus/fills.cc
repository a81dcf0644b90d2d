#include "bus/fills.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"
#include "bus/engines.h"
#include "bus/lanes.h"
#include "bus/source.h"
#include "bus/tickets.h"

namespace baton {
namespace {

session::Slot status(int32_t code) {
  session::Slot answer{};
  answer.status = code;
  return answer;
}

void stamp_computed(LayerStamps& layer, uint64_t computed_ns) {
  if (layer.computed_first_ns == 0) layer.computed_first_ns = computed_ns;
  layer.computed_first_ns = std::min(layer.computed_first_ns, computed_ns);
  layer.computed_ns = std::max(layer.computed_ns, computed_ns);
}

}  // namespace

session::Slot Fills::begin(session::SessionId session, const session::Attach& engine, const session::Fill& request) {
  if (request.tokens == 0 || request.tokens > engine.geometry.chunk_tokens) return status(BATON_ERR_ARGUMENT);
  if (request.has_ticket) {
    int32_t code = BATON_OK;
    Ticket* ticket = parts_.engines->ticket_to_fill(engine, request.ticket, code);
    if (ticket == nullptr) return status(code);
    return begin_for(*ticket, session, engine, request);
  }
  if (parts_.engines->held(request.key, engine.ns, engine.geometry, request.tokens) != kNoSlot) return status(BATON_HELD);
  const SlotId slot = reserve(engine, request);
  if (slot == kNoSlot) return status(BATON_ERR_FULL);
  return start(slot, session, request, engine.geometry);
}

session::Slot Fills::begin_for(Ticket& ticket, session::SessionId session, const session::Attach& engine,
                               const session::Fill& request) {
  if (request.chunk >= ticket.chunks.size() || ticket.chunks[request.chunk].chunk.key != request.key ||
      ticket.chunks[request.chunk].chunk.tokens != request.tokens) {
    parts_.tickets->fail(ticket, Reason::key_mismatch, true);
    return status(BATON_ERR_MISMATCH);
  }
  TicketChunk& c = ticket.chunks[request.chunk];
  if (!c.needed || c.done) return status(BATON_HELD);
  if (c.filling) return status(BATON_ERR_ARGUMENT);  // its first fill is not over
  const bool both = ticket.role == 'b';
  if (!both && c.slot != kNoSlot) return status(BATON_HELD);
  const SlotId reserved = c.slot;
  if (parts_.tickets->hold(ticket, request.chunk)) {  // sealed by somebody meanwhile
    if (both) {
      parts_.arena.abandon(reserved, false);
      parts_.tickets->chunk_done(ticket, request.chunk);
    } else {
      ticket.source->ready_all(request.chunk);
      parts_.lanes->more(ticket);
    }
    return status(BATON_HELD);
  }
  if (!both) c.slot = reserve(engine, request);
  if (c.slot == kNoSlot) {
    parts_.tickets->fail(ticket, Reason::source_full, true);
    return status(BATON_ERR_FULL);
  }
  c.filling = true;
  return start(c.slot, session, request, engine.geometry);
}

SlotId Fills::reserve(const session::Attach& engine, const session::Fill& request) {
  const SlotId slot = parts_.arena.reserve(request.key, engine.ns, engine.geometry, request.tokens, ++parts_.fills,
                                           engine.pid);
  if (slot == kNoSlot) ++parts_.counters.fills_full;
  return slot;
}

session::Slot Fills::start(SlotId slot, session::SessionId session, const session::Fill& request,
                           const Geometry& geometry) {
  ++parts_.counters.fills_begun;
  parts_.arena.filling(slot);
  const std::optional<SlotInfo> info = parts_.arena.info(slot);
  Fill fill;
  fill.id = info->fill;
  fill.generation = info->generation;
  fill.session = session;
  fill.ticket = request.ticket;
  fill.has_ticket = request.has_ticket;
  fill.chunk = request.chunk;
  fill.heads = geometry.heads;
  fill.layers.resize(geometry.layers);
  live_.insert_or_assign(slot, std::move(fill));
  return {BATON_OK, slot, info->generation, info->offset, info->fill};
}

// The arena frees a slot by itself once its writer's process is gone, perhaps before the session's end is known here.
Fills::Fill* Fills::at(SlotId slot) {
  const auto it = live_.find(slot);
  if (it == live_.end()) return nullptr;
  if (!parts_.arena.stale(slot, it->second.generation)) return &it->second;
  live_.erase(it);
  return nullptr;
}

Fills::Fill* Fills::find(session::SessionId session, SlotId slot, uint32_t generation) {
  Fill* fill = at(slot);
  if (fill != nullptr && fill->session == session && fill->generation == generation) return fill;
  ++parts_.counters.late_messages;
  return nullptr;
}

void Fills::give_up(session::SessionId session, const session::Abandon& message) {
  Fill* fill = find(session, message.slot, message.generation);
  if (fill == nullptr) return;
  Ticket* ticket = fill->has_ticket && !fill->over ? parts_.tickets->find(fill->ticket) : nullptr;
  if (ticket != nullptr) parts_.tickets->fail(*ticket, Reason::fill_aborted, true);
  else if (!fill->over) orphan(message.slot, false);
  if (Fill* still = at(message.slot)) writer_done(message.slot, *still);
}

void Fills::announce(session::SessionId session, const session::Announce& message) {
  for (const session::SlotRef& ref : message.slots) {
    Fill* fill = find(session, ref.slot, ref.generation);
    if (fill == nullptr) continue;
    if (message.layer >= fill->layers.size() || fill->layers.test(message.layer)) {
      ++parts_.counters.late_messages;
      continue;
    }
    filled(ref.slot, *fill, message.layer, message.computed_ns);
  }
}

void Fills::filled(SlotId slot, Fill& fill, uint32_t layer, uint64_t computed_ns) {
  fill.layers.set(layer);
  const bool whole = planted(Planted::early_seal) ? layer + 1 == fill.layers.size() : fill.layers.all();
  if (fill.over) {
    ++parts_.counters.late_messages;
    if (whole) writer_done(slot, fill);
    return;
  }
  parts_.arena.set_filled(slot, layer * fill.heads, fill.heads);
  Ticket* ticket = fill.has_ticket ? parts_.tickets->find(fill.ticket) : nullptr;
  const uint32_t chunk = fill.chunk;
  if (ticket != nullptr) {
    stamp_computed(ticket->layers[layer], computed_ns);
    if (ticket->role == 'b') {
      ticket->layers[layer].landed_ns = parts_.loop.now_ns();
      parts_.tickets->streaming(*ticket);
    } else {
      ticket->source->ready(chunk, layer);
    }
  }
  if (whole) {
    parts_.arena.seal(slot);
    live_.erase(slot);
    parts_.publish_soon();
    if (ticket == nullptr) parts_.arena.unpin(slot);  // kept for later prompts
    else ticket->chunks[chunk].filling = false;
  }
  if (ticket == nullptr) return;
  if (ticket->role == 's') parts_.lanes->more(*ticket);
  else if (whole) parts_.tickets->chunk_done(*ticket, chunk);
}

void Fills::orphan(SlotId slot, bool lane_reads) {
  Fill* fill = at(slot);
  if (fill == nullptr) return;
  fill->over = true;
  fill->lane_reads = lane_reads;
  if (!lane_reads) parts_.arena.abandon(slot, true);
}

bool Fills::lane_let_go(SlotId slot) {
  Fill* fill = at(slot);
  if (fill == nullptr || !fill->over) return false;
  fill->lane_reads = false;
  parts_.arena.abandon(slot, !fill->writer_done);
  parts_.publish_soon();
  if (fill->writer_done) live_.erase(slot);
  return true;
}

void Fills::writer_done(SlotId slot, Fill& fill) {
  fill.writer_done = true;
  if (fill.lane_reads) return;
  parts_.arena.quiesced(slot);
  live_.erase(slot);
}

std::vector<SlotId> Fills::of(session::SessionId session) const {
  std::vector<SlotId> slots;
  for (const auto& [slot, fill] : live_) {
    if (fill.session == session) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end());
  return slots;
}

void Fills::session_ended(session::SessionId session) {
  for (const SlotId slot : of(session)) {
    if (const Fill* fill = at(slot); fill != nullptr && !fill->over) orphan(slot, false);
  }
}

void Fills::session_gone(session::SessionId session) {
  for (const SlotId slot : of(session)) {
    if (Fill* fill = at(slot)) writer_done(slot, *fill);
  }
}

}  // namespace baton
