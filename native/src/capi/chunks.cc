// Scheduler half: lookup, fills and claims.
#include <algorithm>

#include "base/limits.h"
#include "capi/client.h"

using namespace baton;

int baton_lookup(baton_client* client, const uint8_t* keys, uint32_t n, uint32_t* held) {
  if (!client || !held || (!keys && n > 0) || n > limits::kChunksPerTicketMax) return BATON_ERR_ARGUMENT;
  *held = 0;
  if (client->session->closed()) return BATON_ERR_CLOSED;
  uint32_t leading = 0;
  while (leading < n && client->view->holds(capi::copied<Key>(keys + size_t{leading} * BATON_KEY_BYTES)))
    ++leading;
  *held = leading;
  return BATON_OK;
}

int baton_fill_begin(baton_client* client, const uint8_t* ticket, const uint8_t* key, uint32_t chunk,
                     uint32_t tokens, baton_slot* out) {
  if (!client || !key || !out || chunk >= limits::kChunksPerTicketMax || tokens == 0 ||
      tokens > client->geometry.chunk_tokens) {
    return BATON_ERR_ARGUMENT;
  }
  *out = {};
  return capi::guarded([&] {
    session::Fill request{};
    request.has_ticket = ticket != nullptr;
    if (ticket) request.ticket = capi::copied<TicketId>(ticket);
    request.key = capi::copied<Key>(key);
    request.chunk = chunk;
    request.tokens = tokens;
    session::Slot answer{};
    const int status = capi::answered(client->session->fill(request, answer), BATON_HELD);
    if (status != BATON_OK) return status;
    out->slot = answer.slot;
    out->generation = answer.generation;
    out->offset = answer.offset;
    out->fill = answer.fill;
    out->tokens = tokens;
    out->chunk = chunk;
    std::copy(request.key.begin(), request.key.end(), out->key);
    std::copy(request.ticket.begin(), request.ticket.end(), out->ticket);
    return int{BATON_OK};
  });
}

int baton_fill_abort(baton_client* client, const baton_slot* slot) {
  if (!client || !slot) return BATON_ERR_ARGUMENT;
  return capi::guarded(
      [&] { return client->session->post(session::Abandon{slot->slot, slot->generation, slot->fill}); });
}

int baton_claim(baton_client* client, const uint8_t* ticket, const uint8_t* keys, uint32_t n, baton_slot* out,
                uint32_t* claimed, uint64_t* claim) {
  if (!client || !keys || !out || !claimed || !claim || n == 0 || n > limits::kChunksPerTicketMax) {
    return BATON_ERR_ARGUMENT;
  }
  *claimed = 0;
  *claim = 0;
  return capi::guarded([&] {
    session::Claim request{};
    request.has_ticket = ticket != nullptr;
    if (ticket) request.ticket = capi::copied<TicketId>(ticket);
    request.keys.resize(n);
    for (uint32_t i = 0; i < n; ++i) request.keys[i] = capi::copied<Key>(keys + size_t{i} * BATON_KEY_BYTES);
    session::Claimed answer{};
    const int status = capi::answered(client->session->claim(request, answer));
    if (status != BATON_OK) return status;
    const bool sane =
        answer.slots.size() <= n &&
        std::all_of(answer.slots.begin(), answer.slots.end(), [&](const session::ClaimedSlot& slot) {
          return slot.tokens > 0 && slot.tokens <= client->geometry.chunk_tokens;
        });
    if (!sane) {
      client->session->post(session::Release{answer.claim});
      return int{BATON_ERR_PROTOCOL};
    }
    for (uint32_t i = 0; i < answer.slots.size(); ++i) {
      const session::ClaimedSlot& from = answer.slots[i];
      baton_slot& to = out[i] = {};
      to.slot = from.slot;
      to.generation = from.generation;
      to.offset = from.offset;
      to.tokens = from.tokens;
      to.chunk = i;
      std::copy(request.keys[i].begin(), request.keys[i].end(), to.key);
      std::copy(request.ticket.begin(), request.ticket.end(), to.ticket);
    }
    *claimed = static_cast<uint32_t>(answer.slots.size());
    *claim = answer.claim;
    return int{BATON_OK};
  });
}

int baton_release(baton_client* client, uint64_t claim) {
  if (!client) return BATON_ERR_ARGUMENT;
  if (claim == 0) return BATON_OK;  // a claim that found nothing pinned nothing
  return capi::guarded([&] { return client->session->post(session::Release{claim}); });
}
