#pragma once
// Scatters claimed chunks into the pages, layer by layer. Every load ends in one result, success or not.
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "connector/client.h"
#include "pages/pages.h"

namespace baton::reference {

struct LoadRequest {
  Client client;  // null: detached meanwhile
  std::vector<baton_slot> slots;
  std::vector<std::vector<uint32_t>> pages;  // per slot
  std::vector<uint32_t> page_offsets;        // per slot
  std::vector<uint32_t> token_counts;        // per slot: tokens to write, from the chunk's first
  uint32_t chunk_tokens = 0;                 // of a full chunk
  bool verify = false;
  std::optional<std::array<uint8_t, BATON_TICKET_BYTES>> ticket = {};  // its layers are stamped
  bool check = false;  // digest what stands in the pages afterwards
};

struct LoadResult {
  std::vector<int32_t> statuses;  // per slot: 0 or the code that ended it
  // check: slots × layers × heads × BATON_DIGEST_BYTES, zero where a slot failed
  std::vector<uint8_t> digests;
  int32_t status() const;  // 0 or the first of the codes
};

// Nothing is scattered: every slot ends with `code`.
LoadResult refuse_load(const LoadRequest&, int32_t code);
LoadResult load(const LoadRequest&, Pages&);

// Digests of one chunk's stripes as they stand in the pages: layers × heads × BATON_DIGEST_BYTES into `out`.
int32_t digest_chunk(const Pages&, const uint8_t key[BATON_KEY_BYTES], uint32_t chunk_tokens, uint32_t tokens,
                     const std::vector<uint32_t>& pages, uint32_t page_offset, uint8_t* out);

}  // namespace baton::reference
