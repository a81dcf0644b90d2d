#include "model/tiny/weights.h"

namespace baton::reference {
namespace {

class Loader {
 public:
  Loader(Tensors& tensors, std::string& error) : tensors_(tensors), error_(error) {}

  // Reads a tensor into outputs [first, first + outputs) of a matrix.
  bool matrix(const std::string& name, uint64_t outputs, uint64_t inputs, Matrix& to, size_t first = 0) {
    if (!tensors_.read(name, outputs, inputs, values_, error_)) return false;
    to.set(first, values_);
    return true;
  }
  bool vector(const std::string& name, uint64_t n, std::vector<float>& to) {
    return tensors_.read(name, 1, n, to, error_);
  }

 private:
  Tensors& tensors_;
  std::string& error_;
  std::vector<float> values_;
};

bool load_layer(const ModelOptions& options, const std::string& prefix, Loader& loader, LayerWeights& layer) {
  const size_t hidden = options.hidden, ffn = options.ffn;
  const size_t queries = size_t{options.query_heads} * options.head_dim;
  const size_t keys = size_t{options.heads} * options.head_dim;
  layer.qkv = Matrix(hidden, queries + 2 * keys);
  layer.out = Matrix(queries, hidden);
  layer.gate = Matrix(hidden, ffn);
  layer.up = Matrix(hidden, ffn);
  layer.down = Matrix(ffn, hidden);
  return loader.vector(prefix + "input_layernorm.weight", hidden, layer.attention_norm) &&
         loader.vector(prefix + "post_attention_layernorm.weight", hidden, layer.ffn_norm) &&
         loader.matrix(prefix + "self_attn.q_proj.weight", queries, hidden, layer.qkv) &&
         loader.matrix(prefix + "self_attn.k_proj.weight", keys, hidden, layer.qkv, queries) &&
         loader.matrix(prefix + "self_attn.v_proj.weight", keys, hidden, layer.qkv, queries + keys) &&
         loader.matrix(prefix + "self_attn.o_proj.weight", hidden, queries, layer.out) &&
         loader.matrix(prefix + "mlp.gate_proj.weight", ffn, hidden, layer.gate) &&
         loader.matrix(prefix + "mlp.up_proj.weight", ffn, hidden, layer.up) &&
         loader.matrix(prefix + "mlp.down_proj.weight", hidden, ffn, layer.down);
}

}  // namespace

bool load_weights(const ModelOptions& options, Tensors& tensors, Weights& out, std::string& error) {
  Loader loader(tensors, error);
  if (!tensors.read("model.embed_tokens.weight", options.vocab, options.hidden, out.embedding, error))
    return false;
  out.layers.resize(options.layers);
  for (uint32_t i = 0; i < options.layers; ++i) {
    if (!load_layer(options, "model.layers." + std::to_string(i) + ".", loader, out.layers[i])) return false;
  }
  out.head = Matrix(options.hidden, options.vocab);
  return loader.vector("model.norm.weight", options.hidden, out.norm) &&
         loader.matrix("lm_head.weight", options.vocab, options.hidden, out.head);
}

}  // namespace baton::reference
