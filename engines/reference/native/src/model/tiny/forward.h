#pragma once
// A Llama-style transformer in float32: RMSNorm, rotary embedding, grouped-query attention, SwiGLU, untied
// output head.
#include <memory>
#include <span>
#include <vector>

#include "model/model.h"
#include "model/tiny/attention.h"
#include "model/tiny/rope.h"
#include "model/tiny/weights.h"

namespace baton::reference {

class TinyModel : public Model {
 public:
  TinyModel(const ModelOptions&, Weights, Pages&, Pool&, const Kernels& = kernels());

  void begin(std::span<const Sequence> batch) override;
  void layer(uint32_t layer) override;
  void sample(std::span<int32_t> tokens) override;
  // Logits after the last token of one sequence of the batch, once all layers are computed.
  std::span<const float> logits(size_t sequence);

 private:
  struct Tile {  // rows of one sequence that attend together
    uint32_t sequence, first_row, position, rows;
  };
  struct Scratch {  // of one thread
    std::vector<float> normed, gate, up;
    AttentionScratch attention;
  };

  void project(uint32_t layer, size_t first, size_t rows, Scratch&);
  void attend_tile(uint32_t layer, const Tile&, uint32_t head, Scratch&);
  void feed_forward(uint32_t layer, size_t first, size_t rows, Scratch&);
  void norm_rows(size_t first, size_t rows, const std::vector<float>& weight, std::vector<float>& out);

  const ModelOptions options_;
  const Weights weights_;
  const Kernels& kernels_;
  Pages& pages_;
  Pool& pool_;
  Rope rope_;
  std::vector<Scratch> scratch_;

  std::span<const Sequence> batch_;
  std::vector<Tile> tiles_;
  std::vector<uint32_t> positions_, row_pages_;  // per row
  std::vector<float> states_, qkv_, mixed_;      // per row: residual stream, projections, attention's result
  std::vector<float> logits_;
};

}  // namespace baton::reference
