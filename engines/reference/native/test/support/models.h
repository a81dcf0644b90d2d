#pragma once
// A model with its pages and pool, driven step by step.
#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/tiny/forward.h"

namespace baton::reference::test {

inline ModelOptions tiny_options() {
  return {.kind = "tiny",
          .layers = 3,
          .heads = 2,
          .head_dim = 32,
          .dtype = "f32",
          .vocab = 262,
          .seed = 7,
          .query_heads = 4,
          .hidden = 64,
          .ffn = 96,
          .rope_theta = 10000,
          .weights = "",
          .pages = 64,
          .page_tokens = 16,
          .threads = 1};
}

inline ModelOptions synthetic_options() {
  ModelOptions options = tiny_options();
  options.kind = "synthetic";
  options.dtype = "bf16";
  options.head_dim = 16;
  return options;
}

// Hands out pages in a random order, so that neighbours in a sequence are none in memory.
class PagePicker {
 public:
  PagePicker(uint32_t pages, uint32_t seed) : free_(pages) {
    std::iota(free_.begin(), free_.end(), 0u);
    std::shuffle(free_.begin(), free_.end(), std::mt19937(seed));
  }
  std::vector<uint32_t> take(size_t n) {
    if (n > free_.size()) throw std::runtime_error("the test needs more pages");
    std::vector<uint32_t> pages(free_.end() - static_cast<ptrdiff_t>(n), free_.end());
    free_.resize(free_.size() - n);
    return pages;
  }

 private:
  std::vector<uint32_t> free_;
};

struct Rig {
  explicit Rig(const ModelOptions& given) : options(given), pages(page_shape(given)), pool(given.threads) {
    std::string error;
    model = make_model(options, pages, pool, error);
    if (!model) throw std::runtime_error(error);
  }
  std::vector<int32_t> step(const std::vector<Sequence>& batch) {
    std::vector<int32_t> tokens(batch.size());
    model->begin(batch);
    for (uint32_t layer = 0; layer < options.layers; ++layer) model->layer(layer);
    model->sample(tokens);
    return tokens;
  }
  size_t pages_for(size_t tokens) const { return (tokens + options.page_tokens - 1) / options.page_tokens; }
  // All KV bytes of a sequence's first `tokens` tokens, page by page independent.
  std::vector<uint8_t> kv(const Sequence& sequence, uint32_t tokens) const {
    std::vector<uint8_t> out;
    for (uint32_t layer = 0; layer < options.layers; ++layer) {
      for (uint32_t plane = 0; plane < kPlanes; ++plane) {
        for (uint32_t head = 0; head < options.heads; ++head) {
          for (uint32_t t = 0; t < tokens; ++t) {
            const uint32_t page = sequence.pages[t / options.page_tokens];
            const uint8_t* row = pages.row(layer, page, plane, head, t % options.page_tokens);
            out.insert(out.end(), row, row + pages.row_bytes());
          }
        }
      }
    }
    return out;
  }

  const ModelOptions options;
  Pages pages;
  Pool pool;
  std::unique_ptr<Model> model;
};

inline std::vector<uint32_t> random_tokens(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint32_t> tokens(n);
  for (uint32_t& token : tokens) token = random() % 256;
  return tokens;
}

inline Sequence whole(const Rig& rig, PagePicker& picker, std::vector<uint32_t> tokens, size_t room = 0) {
  Sequence sequence;
  sequence.end = static_cast<uint32_t>(tokens.size());
  sequence.pages = picker.take(rig.pages_for(tokens.size() + room));
  sequence.tokens = std::move(tokens);
  sequence.sample = true;
  return sequence;
}

}  // namespace baton::reference::test
