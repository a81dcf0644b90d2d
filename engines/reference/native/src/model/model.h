#pragma once
// What a model is to the engine: it computes a batch layer by layer and leaves the K and V of every row in
// the pages. A row's result never depends on the other rows of the batch or on how its sequence was cut into
// steps.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pages/pages.h"
#include "work/pool.h"

namespace baton::reference {

struct ModelOptions {  // the fields of NativeModelOptions, in its order
  std::string kind;    // "tiny" | "synthetic"
  uint32_t layers = 0, heads = 0, head_dim = 0;
  std::string dtype;  // "f32" | "bf16"
  uint32_t vocab = 0;
  uint64_t seed = 0;
  uint32_t query_heads = 0, hidden = 0, ffn = 0;
  double rope_theta = 0;
  std::string weights;  // path; empty: random from `seed`
  double compute_us_per_layer = 0, compute_us_per_layer_token = 0;
  bool prepare_kv = false;
  int32_t delay_layer = -1;
  double delay_ms = 0;
  bool layer_hooks = true;
  uint32_t pages = 0, page_tokens = 0, threads = 1;
};

struct Sequence {
  std::vector<uint32_t> tokens;  // at least `end`
  uint32_t start = 0, end = 0;   // [start, end) is computed in this step, [0, start) stands in pages
  std::vector<uint32_t> pages;   // page of token t: pages[t / page_tokens]
  bool sample = false;
  double temperature = 0, top_p = 1;
  uint64_t seed = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  // Starts a step. The batch must live until sample() has returned.
  virtual void begin(std::span<const Sequence> batch) = 0;
  // Layers in order. Afterwards the layer's K and V of all rows stand in the pages.
  virtual void layer(uint32_t layer) = 0;
  // One token per sequence, -1 where none was asked for.
  virtual void sample(std::span<int32_t> tokens) = 0;
};

// Empty when these options make a model, else what is wrong and what to do.
std::string refusal(const ModelOptions&);
PageShape page_shape(const ModelOptions&);
// Null and `error` when the weights cannot be used. Pages and pool must outlive the model.
std::unique_ptr<Model> make_model(const ModelOptions&, Pages&, Pool&, std::string& error);

}  // namespace baton::reference
