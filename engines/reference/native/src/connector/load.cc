#include "connector/load.h"

#include <algorithm>

#include "base/clock.h"

namespace baton::reference {
namespace {

uint32_t count(const std::vector<uint32_t>& pages) { return static_cast<uint32_t>(pages.size()); }

}  // namespace

int32_t LoadResult::status() const {
  const auto wrong =
      std::find_if(statuses.begin(), statuses.end(), [](int32_t code) { return code != BATON_OK; });
  return wrong == statuses.end() ? BATON_OK : *wrong;
}

LoadResult refuse_load(const LoadRequest& request, int32_t code) {
  return {.statuses = std::vector<int32_t>(request.slots.size(), code), .digests = {}};
}

LoadResult load(const LoadRequest& request, Pages& pages) {
  if (!request.client) return refuse_load(request, BATON_ERR_CLOSED);
  const PageShape& shape = pages.shape();
  LoadResult result = refuse_load(request, BATON_OK);
  std::vector<uint64_t> stamps(shape.layers, 0);
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    const baton_layer_layout layout = pages.layout(layer);
    for (size_t i = 0; i < request.slots.size(); ++i) {
      if (result.statuses[i] != BATON_OK) continue;
      result.statuses[i] =
          baton_scatter(request.client.get(), &request.slots[i], layer, 0, shape.heads, &layout,
                        request.pages[i].data(), count(request.pages[i]), request.page_offsets[i], 0,
                        request.token_counts[i], request.verify ? 1 : 0);
    }
    if (result.status() == BATON_OK) stamps[layer] = monotonic_ns();
  }
  // A stamp that is missing tells the service as much as one that is there.
  if (request.ticket)
    baton_scattered(request.client.get(), request.ticket->data(), stamps.data(), shape.layers);
  if (!request.check) return result;
  const size_t chunk_bytes = size_t{shape.layers} * shape.heads * BATON_DIGEST_BYTES;
  result.digests.resize(request.slots.size() * chunk_bytes);
  for (size_t i = 0; i < request.slots.size(); ++i) {
    if (result.statuses[i] != BATON_OK) continue;
    result.statuses[i] =
        digest_chunk(pages, request.slots[i].key, request.chunk_tokens, request.token_counts[i],
                     request.pages[i], request.page_offsets[i], &result.digests[i * chunk_bytes]);
  }
  return result;
}

int32_t digest_chunk(const Pages& pages, const uint8_t key[BATON_KEY_BYTES], uint32_t chunk_tokens,
                     uint32_t tokens, const std::vector<uint32_t>& chunk_pages, uint32_t page_offset,
                     uint8_t* out) {
  const baton_geometry geometry = pages.geometry(chunk_tokens);
  for (uint32_t layer = 0; layer < geometry.layers; ++layer) {
    const baton_layer_layout layout = pages.layout(layer);
    for (uint32_t head = 0; head < geometry.heads; ++head, out += BATON_DIGEST_BYTES) {
      const int code = baton_digest_pages(&geometry, key, layer, head, tokens, &layout, chunk_pages.data(),
                                          count(chunk_pages), page_offset, out);
      if (code != BATON_OK) return code;
    }
  }
  return BATON_OK;
}

}  // namespace baton::reference
