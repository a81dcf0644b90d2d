#pragma once
// Engine pages → stripe: packs one head of one layer of a chunk and digests it on the way.
#include <cstdint>
#include <vector>

#include "base/digest.h"
#include "copy/layout.h"

namespace baton::copy {

struct Scratch {  // one per thread: nothing is allocated once it is warm
  StripeDigest digest;
  std::vector<uint8_t> stripe;  // used by digest_pages only
};

// BATON_OK or BATON_ERR_ARGUMENT (refusal() says why; nothing was written). `stripe` has room for
// geometry.stripe_bytes(tokens).
int gather(const Geometry&, const Key&, uint32_t layer, uint32_t head, uint32_t tokens, const Pages&, uint8_t* stripe,
           Digest& out, Scratch&);

// The digest that gather would give.
int digest_pages(const Geometry&, const Key&, uint32_t layer, uint32_t head, uint32_t tokens, const Pages&,
                 Digest& out, Scratch&);

}  // namespace baton::copy
