#pragma once
// Modelled compute: how long each layer of a step takes. It stands for a GPU, so the thread sleeps.
#include <cstdint>

namespace baton::reference {

struct PaceOptions {
  double us_per_layer = 0, us_per_layer_token = 0;
  int32_t delay_layer = -1;  // this layer takes delay_ms longer
  double delay_ms = 0;
};

class Pace {
 public:
  explicit Pace(const PaceOptions& options) : options_(options) {}
  // Ends of all layers are counted from `start_ns` (CLOCK_MONOTONIC), so that waits do not drift.
  void begin(uint64_t start_ns, uint64_t tokens);
  // When layer `layer` ends, in ns of CLOCK_MONOTONIC.
  uint64_t end_ns(uint32_t layer) const;
  // What layer `layer` takes at least, counted from its own begin, however late that was.
  uint64_t delay_ns(uint32_t layer) const;

 private:
  PaceOptions options_;
  uint64_t start_ns_ = 0, tokens_ = 0;
};

}  // namespace baton::reference
