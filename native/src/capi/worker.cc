// Worker half: gather, announce, scatter. Copies touch shared memory only; messages are sent without waiting.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "capi/client.h"
#include "copy/gather.h"
#include "copy/scatter.h"

using namespace baton;

namespace {

copy::Scratch& scratch() {
  thread_local copy::Scratch scratch;
  return scratch;
}

bool heads_fit(const Geometry& geometry, uint32_t layer, uint32_t first, uint32_t count) {
  return layer < geometry.layers && count > 0 && first < geometry.heads && count <= geometry.heads - first;
}

// BATON_OK and the slot's place in this process, or why it may not be touched.
int find(const baton_client& client, const baton_slot& slot, arena::Place& place) {
  if (client.session->closed()) return BATON_ERR_CLOSED;
  if (!client.view->place(slot.slot, slot.generation, place)) return BATON_ERR_ENDED;
  const bool same = place.geometry == client.geometry && place.ns == client.ns &&
                    place.tokens == slot.tokens && place.key == capi::copied<Key>(slot.key);
  return same ? BATON_OK : BATON_ERR_ARGUMENT;
}

bool verifying(int verify) {
#ifdef BATON_TEST_HOOKS
  // Shows that verification is what catches wrong bytes: without it they reach the answer.
  const char* hook = std::getenv("BATON_VERIFY");
  if (hook && std::string_view(hook) == "off") return false;
#endif
  return verify != 0;
}

}  // namespace

int baton_gather(baton_client* client, const baton_slot* slot, uint32_t layer, uint32_t head_first,
                 uint32_t head_count, const baton_layer_layout* layout, const uint32_t* pages,
                 uint32_t page_count, uint32_t page_offset) {
  if (!client || !slot || !heads_fit(client->geometry, layer, head_first, head_count))
    return BATON_ERR_ARGUMENT;
  return capi::guarded([&] {
    arena::Place place;
    const int status = find(*client, *slot, place);
    if (status != BATON_OK) return status;
    if (place.sealed) return int{BATON_ERR_ENDED};
    const copy::Pages from{layout, pages, page_count, page_offset};
    if (copy::refusal(place.geometry, from, place.tokens)) return int{BATON_ERR_ARGUMENT};
    uint64_t bytes = 0;
    for (uint32_t head = head_first; head < head_first + head_count; ++head) {
      const uint32_t stripe = place.stripe_index(layer, head);
      // Gathered before the request was preempted, and perhaps on its way already.
      if (place.filled(stripe)) continue;
      const int copied = copy::gather(place.geometry, place.key, layer, head, place.tokens, from,
                                      place.stripe(layer, head), place.digests[stripe], scratch());
      if (copied != BATON_OK) return copied;
      place.set_filled(stripe, 1);
      bytes += place.geometry.stripe_bytes(place.tokens);
    }
    client->gathered_bytes.fetch_add(bytes, std::memory_order_relaxed);
    return int{BATON_OK};
  });
}

int baton_announce(baton_client* client, const baton_slot* slots, uint32_t n, uint32_t layer,
                   uint64_t computed_ns) {
  if (!client || !slots || n == 0 || n > limits::kChunksPerTicketMax || layer >= client->geometry.layers) {
    return BATON_ERR_ARGUMENT;
  }
  return capi::guarded([&] {
    session::Announce message{layer, computed_ns, std::vector<session::SlotRef>(n)};
    for (uint32_t i = 0; i < n; ++i) message.slots[i] = {slots[i].slot, slots[i].generation};
    return client->session->post(std::move(message));
  });
}

int baton_scatter(baton_client* client, const baton_slot* slot, uint32_t layer, uint32_t head_first,
                  uint32_t head_count, const baton_layer_layout* layout, const uint32_t* pages,
                  uint32_t page_count, uint32_t page_offset, uint32_t token_first, uint32_t token_count,
                  int verify) {
  if (!client || !slot || !heads_fit(client->geometry, layer, head_first, head_count) ||
      token_first > slot->tokens || token_count > slot->tokens - token_first) {
    return BATON_ERR_ARGUMENT;
  }
  return capi::guarded([&] {
    arena::Place place;
    const int status = find(*client, *slot, place);
    if (status != BATON_OK) return status;
    if (!place.sealed) return int{BATON_ERR_ENDED};
    const copy::Pages to{layout, pages, page_count, page_offset};
    if (copy::refusal(place.geometry, to, place.tokens)) return int{BATON_ERR_ARGUMENT};
    for (uint32_t head = head_first; head < head_first + head_count; ++head) {
      const uint32_t stripe = place.stripe_index(layer, head);
      const Digest* expected = verifying(verify) ? &place.digests[stripe] : nullptr;
      const int copied = copy::scatter(place.geometry, place.key, layer, head, place.tokens, to, token_first,
                                       token_count, place.stripe(layer, head), expected, scratch());
      if (copied == BATON_ERR_DIGEST) {
        client->digest_failures.fetch_add(1, std::memory_order_relaxed);
        client->session->post(session::Corrupt{slot->slot, slot->generation, stripe});
      }
      if (copied != BATON_OK) return copied;
    }
    // Without a claim nothing keeps the slot: what was read may belong to another chunk by now.
    if (!client->view->current(slot->slot, slot->generation)) return int{BATON_ERR_ENDED};
    client->scattered_bytes.fetch_add(place.geometry.stripe_bytes(token_count) * head_count,
                                      std::memory_order_relaxed);
    return int{BATON_OK};
  });
}
