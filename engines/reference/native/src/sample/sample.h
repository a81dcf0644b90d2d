#pragma once
// Picks a token from logits: the greatest (lowest id among equals), or one drawn from softmax(logits /
// temperature) cut to the likeliest that hold `top_p`. A draw depends on the request's seed and the token's
// position only.
#include <cstdint>
#include <span>

namespace baton::reference {

struct Draw {
  double temperature = 0;  // 0: greedy
  double top_p = 1;
  uint64_t seed = 0;
  uint32_t position = 0;
};

int32_t sample_token(std::span<const float> logits, const Draw&);

}  // namespace baton::reference
