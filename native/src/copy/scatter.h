#pragma once
// Stripe → engine pages: exactly the tokens asked for, the digest of the whole stripe checked on the way.
#include <cstdint>

#include "copy/gather.h"

namespace baton::copy {

// Writes tokens [token_first, token_first+token_count) of a stripe of `tokens` tokens. `expected` null: not verified.
// BATON_OK, BATON_ERR_ARGUMENT (nothing was written) or BATON_ERR_DIGEST (the tokens were written and are wrong).
int scatter(const Geometry&, const Key&, uint32_t layer, uint32_t head, uint32_t tokens, const Pages&,
            uint32_t token_first, uint32_t token_count, const uint8_t* stripe, const Digest* expected, Scratch&);

}  // namespace baton::copy
