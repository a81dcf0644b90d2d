#include "model/synthetic/pace.h"

namespace baton::reference {

void Pace::begin(uint64_t start_ns, uint64_t tokens) {
  start_ns_ = start_ns;
  tokens_ = tokens;
}

uint64_t Pace::end_ns(uint32_t layer) const {
  const double layer_us = options_.us_per_layer + options_.us_per_layer_token * static_cast<double>(tokens_);
  double us = layer_us * (layer + 1);
  if (options_.delay_layer >= 0 && layer >= static_cast<uint32_t>(options_.delay_layer))
    us += options_.delay_ms * 1000;
  return start_ns_ + static_cast<uint64_t>(us * 1000);
}

uint64_t Pace::delay_ns(uint32_t layer) const {
  const bool delayed = options_.delay_layer >= 0 && layer == static_cast<uint32_t>(options_.delay_layer);
  return delayed ? static_cast<uint64_t>(options_.delay_ms * 1e6) : 0;
}

}  // namespace baton::reference
