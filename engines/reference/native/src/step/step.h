#pragma once
// One step of the model over a batch, with the connector's hooks after each layer.
#include <cstdint>
#include <string>
#include <vector>

#include "connector/client.h"
#include "connector/gather.h"
#include "model/model.h"
#include "work/worker.h"

namespace baton::reference {

struct StepRequest {
  Client client;  // may be null
  std::vector<Sequence> sequences;
  std::vector<std::vector<Gather>> gathers;  // per sequence
};

struct StepResult {
  std::vector<int32_t> tokens;         // per sequence, -1 where not sampled
  std::vector<int32_t> gather_status;  // per sequence: 0 or the code that ended its gathers
  std::string error;                   // not empty: the step failed as a whole
};

// Computes layer by layer; after each one `stream` gathers it while the next is computed. Returns when both
// are done (the fence): the pages may then be freed or overwritten. Without `layer_hooks` gathering begins
// after the last layer.
StepResult run_step(const StepRequest&, Model&, Pages&, Worker& stream, bool layer_hooks);

}  // namespace baton::reference
