#pragma once
// Weights of a Llama-style transformer, packed for the kernels.
#include <string>
#include <vector>

#include "model/model.h"
#include "model/tiny/matrix.h"
#include "model/tiny/tensors.h"

namespace baton::reference {

struct LayerWeights {
  std::vector<float> attention_norm, ffn_norm;
  Matrix qkv;  // outputs: query heads, K heads, V heads
  Matrix out, gate, up, down;
};

struct Weights {
  std::vector<float> embedding;  // [token][hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> norm;
  Matrix head;
};

// False and `error` when a tensor is missing or does not fit.
bool load_weights(const ModelOptions&, Tensors&, Weights& out, std::string& error);

}  // namespace baton::reference
