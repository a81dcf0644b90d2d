#pragma once
// Root-mean-square normalisation: out = in / sqrt(mean(in²) + 1e-5) × weight.
#include <cmath>
#include <cstddef>

namespace baton::reference {

inline void rms_norm(const float* in, const float* weight, float* out, size_t n) {
  float lanes[8] = {};  // element i belongs to lane i mod 8: a fixed order that vector units follow
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) lanes[lane] += in[i + lane] * in[i + lane];
  }
  for (; i < n; ++i) lanes[i % 8] += in[i] * in[i];
  const float sum =
      ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  const float scale = 1.0f / std::sqrt(sum / static_cast<float>(n) + 1e-5f);
  for (size_t j = 0; j < n; ++j) out[j] = in[j] * scale * weight[j];
}

}  // namespace baton::reference
