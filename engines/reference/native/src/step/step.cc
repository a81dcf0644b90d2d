#include "step/step.h"

#include <exception>
#include <vector>

#include "base/clock.h"

namespace baton::reference {

StepResult run_step(const StepRequest& request, Model& model, Pages& pages, Worker& stream,
                    bool layer_hooks) {
  StepResult result;
  Gathering gathering(request.client.get(), pages, request.gathers);
  try {
    result.tokens.assign(request.sequences.size(), -1);
    model.begin(request.sequences);
    const uint32_t layers = gathering.empty() ? 0 : pages.shape().layers;
    const auto gather = [&](uint32_t layer, uint64_t computed_ns) {
      stream.post([&gathering, layer, computed_ns] { gathering.layer(layer, computed_ns); });
    };
    std::vector<uint64_t> computed_ns(layers);  // of layers that wait for the last one
    for (uint32_t layer = 0; layer < pages.shape().layers; ++layer) {
      model.layer(layer);
      if (layers == 0) continue;
      if (layer_hooks) gather(layer, monotonic_ns());
      else computed_ns[layer] = monotonic_ns();
    }
    for (uint32_t layer = 0; !layer_hooks && layer < layers; ++layer) gather(layer, computed_ns[layer]);
    // What waits for the wire goes first: the next token may need the processor for long.
    stream.drain();
    model.sample(result.tokens);
  } catch (const std::exception& error) {
    result.error = std::string("the step failed: ") + error.what();
  }
  stream.drain();
  if (!result.error.empty()) gathering.abandon(BATON_ERR_ENDED);
  result.gather_status = gathering.status();
  return result;
}

}  // namespace baton::reference
