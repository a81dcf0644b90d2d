#pragma once
// Copies the tokens of one run between a page and a stripe, where they stand packed. Memory of a page is never assumed
// to be aligned.
#include <cstdint>

#include "copy/layout.h"

namespace baton::copy {

void tokens_from_page(const baton_plane_layout&, const uint8_t* page, uint8_t* packed, uint32_t tokens);
void tokens_to_page(const baton_plane_layout&, uint8_t* page, const uint8_t* packed, uint32_t tokens);

// The lines at which the next run begins, so that the processor's own prefetcher finds its stride early.
inline void prefetch(const uint8_t* at) {
  if (!at) return;
  for (int line = 0; line < 4; ++line) __builtin_prefetch(at + line * 64);
}

}  // namespace baton::copy
