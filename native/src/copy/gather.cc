#include "copy/gather.h"

#include "copy/pieces.h"
#include "copy/tokens.h"

namespace baton::copy {

int gather(const Geometry& geometry, const Key& key, uint32_t layer, uint32_t head, uint32_t tokens,
           const Pages& pages, uint8_t* stripe, Digest& out, Scratch& scratch) {
  if (layer >= geometry.layers || head >= geometry.heads || !stripe || refusal(geometry, pages, tokens)) {
    return BATON_ERR_ARGUMENT;
  }
  scratch.digest.begin(key, layer, head);
  Pieces pieces(scratch.digest, stripe, geometry.stripe_bytes(tokens));
  uint8_t* packed = stripe;
  for (uint32_t plane = 0; plane < geometry.planes; ++plane) {
    const baton_plane_layout& layout = pages.layout->plane[plane];
    for_each_run(pages, plane, head, 0, tokens, [&](const Run& run, const uint8_t* following) {
      prefetch(following);
      tokens_from_page(layout, run.at, packed, run.tokens);
      packed += uint64_t{run.tokens} * geometry.plane_bytes[plane];
      pieces.reach(packed);
    });
  }
  out = pieces.finish();
  return BATON_OK;
}

int digest_pages(const Geometry& geometry, const Key& key, uint32_t layer, uint32_t head, uint32_t tokens,
                 const Pages& pages, Digest& out, Scratch& scratch) {
  if (refusal(geometry, pages, tokens)) return BATON_ERR_ARGUMENT;
  scratch.stripe.resize(geometry.stripe_bytes(tokens));
  return gather(geometry, key, layer, head, tokens, pages, scratch.stripe.data(), out, scratch);
}

}  // namespace baton::copy
