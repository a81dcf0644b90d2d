#include "node/write.h"

#include <cstring>

namespace baton::node {
namespace {

template <class Bytes>
Napi::Value bytes(Napi::Env env, const Bytes& from) {
  auto to = Napi::Uint8Array::New(env, from.size());
  if (!from.empty()) std::memcpy(to.Data(), from.data(), from.size());
  return to;
}

Napi::Number number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

Napi::Object write_granted(Napi::Env env, const Granted& granted) {
  auto o = Napi::Object::New(env);
  o.Set("ticket", bytes(env, granted.ticket));
  o.Set("role", std::string(1, granted.role));
  o.Set("granted", granted.granted);
  o.Set("reason", number(env, static_cast<uint64_t>(granted.reason)));
  o.Set("need", bytes(env, granted.need));
  o.Set("epoch", number(env, granted.epoch));
  o.Set("freeBytes", number(env, granted.free_bytes));
  return o;
}

Napi::Object write_ticket(Napi::Env env, const TicketView& ticket) {
  auto o = Napi::Object::New(env);
  o.Set("ticket", bytes(env, ticket.ticket));
  o.Set("role", std::string(1, ticket.role));
  o.Set("state", number(env, static_cast<uint64_t>(ticket.state)));
  o.Set("reason", number(env, static_cast<uint64_t>(ticket.reason)));
  o.Set("chunks", number(env, ticket.chunks));
  o.Set("chunksNeeded", number(env, ticket.chunks_needed));
  o.Set("chunksLanded", number(env, ticket.chunks_landed));
  o.Set("claims", number(env, ticket.claims));
  o.Set("chunksCorrupt", number(env, ticket.chunks_corrupt));
  o.Set("bytesOut", number(env, ticket.bytes_out));
  o.Set("bytesIn", number(env, ticket.bytes_in));
  o.Set("runsResent", number(env, ticket.runs_resent));
  o.Set("peer", ticket.peer);
  o.Set("clockOffsetNs", Napi::Number::New(env, static_cast<double>(ticket.clock_offset_ns)));
  auto stamps = Napi::BigUint64Array::New(env, ticket.layers.size() * 5);
  for (size_t i = 0; i < ticket.layers.size(); ++i) {
    const LayerStamps& layer = ticket.layers[i];
    const uint64_t five[] = {layer.computed_first_ns, layer.computed_ns, layer.out_ns, layer.landed_ns, layer.scattered_ns};
    std::memcpy(stamps.Data() + i * 5, five, sizeof five);
  }
  o.Set("stamps", stamps);
  return o;
}

template <class Item, class Write>
Napi::Array list(Napi::Env env, const std::vector<Item>& items, Write write) {
  auto array = Napi::Array::New(env, items.size());
  for (size_t i = 0; i < items.size(); ++i) array.Set(static_cast<uint32_t>(i), write(env, items[i]));
  return array;
}

Napi::Object write_attachment(Napi::Env env, const AttachmentEvent& event) {
  auto o = Napi::Object::New(env);
  o.Set("engine", event.engine);
  o.Set("namespace", bytes(env, event.ns));
  o.Set("layers", number(env, event.geometry.layers));
  o.Set("heads", number(env, event.geometry.heads));
  auto planes = Napi::Array::New(env, event.geometry.planes);
  for (uint32_t p = 0; p < event.geometry.planes; ++p) planes.Set(p, number(env, event.geometry.plane_bytes[p]));
  o.Set("planeBytes", planes);
  o.Set("chunkTokens", number(env, event.geometry.chunk_tokens));
  o.Set("pid", Napi::Number::New(env, event.pid));
  o.Set("attached", event.attached);
  return o;
}

}  // namespace

Napi::Array write_tickets(Napi::Env env, const std::vector<TicketView>& tickets) { return list(env, tickets, write_ticket); }

Napi::Array write_attachments(Napi::Env env, const std::vector<AttachmentEvent>& events) {
  return list(env, events, write_attachment);
}

Napi::Object write_chunks(Napi::Env env, const std::vector<Arena::Event>& events) {
  const size_t n = events.size();
  auto kinds = Napi::Uint8Array::New(env, n), keys = Napi::Uint8Array::New(env, n * BATON_KEY_BYTES),
       namespaces = Napi::Uint8Array::New(env, n * BATON_KEY_BYTES);
  auto tokens = Napi::Uint32Array::New(env, n);
  for (size_t i = 0; i < n; ++i) {
    kinds[i] = static_cast<uint8_t>(events[i].kind);
    std::memcpy(keys.Data() + i * BATON_KEY_BYTES, events[i].key.data(), BATON_KEY_BYTES);
    std::memcpy(namespaces.Data() + i * BATON_KEY_BYTES, events[i].ns.data(), BATON_KEY_BYTES);
    tokens[i] = events[i].tokens;
  }
  auto o = Napi::Object::New(env);
  o.Set("kinds", kinds);
  o.Set("keys", keys);
  o.Set("namespaces", namespaces);
  o.Set("tokens", tokens);
  return o;
}

Napi::Object write_drained(Napi::Env env, const Drained& drained) {
  auto o = Napi::Object::New(env);
  o.Set("granted", list(env, drained.granted, write_granted));
  o.Set("tickets", write_tickets(env, drained.tickets));
  o.Set("chunks", write_chunks(env, drained.chunks));
  o.Set("relist", drained.relist);
  o.Set("attachments", write_attachments(env, drained.attachments));
  return o;
}

Napi::Object write_counters(Napi::Env env, const BusCounters& c) {
  auto o = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) { o.Set(name, number(env, value)); };
#define BATON_COUNTER(name) set(#name, c.name)
#define BATON_ARENA(name) set("arena_" #name, c.arena.name)
  BATON_COUNTER(tickets_live), BATON_COUNTER(tickets_opened), BATON_COUNTER(tickets_expected), BATON_COUNTER(tickets_refused);
  BATON_COUNTER(tickets_landed), BATON_COUNTER(tickets_settled), BATON_COUNTER(tickets_aborted), BATON_COUNTER(tickets_expired);
  BATON_COUNTER(tickets_failed), BATON_COUNTER(lane_bytes_out), BATON_COUNTER(lane_bytes_in), BATON_COUNTER(lane_resets);
  BATON_COUNTER(lane_bad_frames), BATON_COUNTER(lane_duplicates), BATON_COUNTER(lane_discarded_bytes);
  BATON_COUNTER(lane_hello_refused), BATON_COUNTER(lanes_up), BATON_COUNTER(runs_resent), BATON_COUNTER(stripes_wrong);
  BATON_COUNTER(refused_unknown), BATON_COUNTER(refused_foreign), BATON_COUNTER(refused_ended), BATON_COUNTER(late_messages);
  BATON_COUNTER(sessions_up), BATON_COUNTER(session_malformed), BATON_COUNTER(fills_begun), BATON_COUNTER(fills_full);
  BATON_COUNTER(claims), BATON_COUNTER(corrupt_reported);
  BATON_ARENA(bytes_total), BATON_ARENA(bytes_used), BATON_ARENA(bytes_pinned), BATON_ARENA(bytes_sealed);
  BATON_ARENA(slots_used), BATON_ARENA(pins), BATON_ARENA(quiescing), BATON_ARENA(evictions), BATON_ARENA(double_seals);
#undef BATON_COUNTER
#undef BATON_ARENA
  return o;
}

}  // namespace baton::node
