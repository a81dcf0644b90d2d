#include "copy/scatter.h"

#include "copy/pieces.h"
#include "copy/tokens.h"

namespace baton::copy {

int scatter(const Geometry& geometry, const Key& key, uint32_t layer, uint32_t head, uint32_t tokens,
            const Pages& pages, uint32_t token_first, uint32_t token_count, const uint8_t* stripe,
            const Digest* expected, Scratch& scratch) {
  if (layer >= geometry.layers || head >= geometry.heads || !stripe || refusal(geometry, pages, tokens) ||
      token_first > tokens || token_count > tokens - token_first) {
    return BATON_ERR_ARGUMENT;
  }
  scratch.digest.begin(key, layer, head);
  Pieces pieces(scratch.digest, stripe, geometry.stripe_bytes(tokens));
  const uint8_t* plane_begin = stripe;
  for (uint32_t plane = 0; plane < geometry.planes; ++plane) {
    const baton_plane_layout& layout = pages.layout->plane[plane];
    const uint64_t bytes = geometry.plane_bytes[plane];
    for_each_run(pages, plane, head, token_first, token_count, [&](const Run& run, const uint8_t*) {
      const uint8_t* packed = plane_begin + run.first * bytes;
      // Hashing brings the run into the cache; the copy then finds it there.
      if (expected) pieces.reach(packed + run.tokens * bytes);
      tokens_to_page(layout, run.at, packed, run.tokens);
    });
    plane_begin += tokens * bytes;
  }
  if (expected && pieces.finish() != *expected) return BATON_ERR_DIGEST;
  return BATON_OK;
}

}  // namespace baton::copy
