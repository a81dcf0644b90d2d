#pragma once
// Where the tokens of one chunk stand in an engine's own pages (baton_layer_layout of baton.h), checked before a byte
// moves, and walked page by page.
#include <algorithm>
#include <cstdint>

#include "baton.h"
#include "base/types.h"

namespace baton::copy {

struct Pages {
  const baton_layer_layout* layout = nullptr;
  const uint32_t* pages = nullptr;  // page of tokens [i*page_tokens, …) of the chunk, shifted by page_offset
  uint32_t page_count = 0;
  uint32_t page_offset = 0;         // tokens before the chunk's first one in pages[0]
};

// Null when `tokens` tokens can be copied, else what is wrong.
const char* refusal(const Geometry&, const Pages&, uint32_t tokens);

// One plane's tokens that stand in one page.
struct Run {
  uint8_t* at;      // of the first token, in the page
  uint32_t first;   // token of the chunk
  uint32_t tokens;
};

// Calls visit(run, the next run's address or null) for tokens [first, first+count) of one plane of one head, in order.
template <class Visit>
void for_each_run(const Pages& p, uint32_t plane, uint32_t head, uint32_t first, uint32_t count, Visit&& visit) {
  const baton_plane_layout& layout = p.layout->plane[plane];
  const uint32_t page_tokens = p.layout->page_tokens;
  // Unsigned, so that odd strides wrap instead of being undefined.
  const auto address = [&](uint32_t token) {
    const uint32_t at = token + p.page_offset, page = p.pages[at / page_tokens];
    const uint64_t offset = uint64_t{page} * static_cast<uint64_t>(layout.page_stride) +
                            uint64_t{head} * static_cast<uint64_t>(layout.head_stride) +
                            uint64_t{at % page_tokens} * static_cast<uint64_t>(layout.token_stride);
    return static_cast<uint8_t*>(layout.base) + static_cast<int64_t>(offset);
  };
  const uint32_t end = first + count;
  if (first == end) return;
  uint8_t* at = address(first);
  while (first < end) {
    const uint32_t tokens = std::min(page_tokens - (first + p.page_offset) % page_tokens, end - first);
    const uint32_t next = first + tokens;
    uint8_t* const following = next < end ? address(next) : nullptr;
    visit(Run{at, first, tokens}, static_cast<const uint8_t*>(following));
    first = next;
    at = following;
  }
}

}  // namespace baton::copy
