// What checks and metrics need.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "capi/client.h"
#include "copy/gather.h"

using namespace baton;

int baton_digest_pages(const baton_geometry* geometry, const uint8_t* key, uint32_t layer, uint32_t head,
                       uint32_t tokens, const baton_layer_layout* layout, const uint32_t* pages,
                       uint32_t page_count, uint32_t page_offset, uint8_t* digest) {
  if (!geometry || !key || !digest) return BATON_ERR_ARGUMENT;
  return capi::guarded([&] {
    const Geometry g = capi::geometry_of(*geometry);
    if (g.refusal() || layer >= g.layers || head >= g.heads) return int{BATON_ERR_ARGUMENT};
    thread_local copy::Scratch scratch;
    Digest out;
    const int status = copy::digest_pages(g, capi::copied<Key>(key), layer, head, tokens,
                                          {layout, pages, page_count, page_offset}, out, scratch);
    if (status == BATON_OK) std::copy(out.begin(), out.end(), digest);
    return status;
  });
}

int baton_client_counters(baton_client* client, baton_counters* out) {
  if (!client || !out || out->struct_size < offsetof(baton_counters, rpcs)) return BATON_ERR_ARGUMENT;
  return capi::guarded([&] {
    const session::ClientStats stats = client->session->stats();
    baton_counters counters{};
    counters.struct_size = out->struct_size;
    counters.rpcs = stats.rpcs;
    counters.rpc_timeouts = stats.rpc_timeouts;
    counters.gathered_bytes = client->gathered_bytes.load(std::memory_order_relaxed);
    counters.scattered_bytes = client->scattered_bytes.load(std::memory_order_relaxed);
    counters.digest_failures = client->digest_failures.load(std::memory_order_relaxed);
    counters.late_messages = stats.late_messages;
    // A caller made for an older, shorter struct gets what it knows.
    std::memcpy(out, &counters, std::min<size_t>(out->struct_size, sizeof counters));
    return int{BATON_OK};
  });
}
