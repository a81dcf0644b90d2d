#include "model/tiny/forward.h"

#include <algorithm>
#include <cstring>

#include "model/tiny/norm.h"
#include "sample/sample.h"

namespace baton::reference {
namespace {

constexpr size_t kTileRows = kAttentionRows;

size_t tiles_of(size_t rows) { return (rows + kTileRows - 1) / kTileRows; }

}  // namespace

TinyModel::TinyModel(const ModelOptions& options, Weights weights, Pages& pages, Pool& pool,
                     const Kernels& kernels)
    : options_(options),
      weights_(std::move(weights)),
      kernels_(kernels),
      pages_(pages),
      pool_(pool),
      rope_(options.rope_theta, options.head_dim),
      scratch_(pool.threads()) {}

void TinyModel::begin(std::span<const Sequence> batch) {
  batch_ = batch;
  tiles_.clear();
  positions_.clear();
  row_pages_.clear();
  const size_t hidden = options_.hidden, stride = padded(hidden);
  uint32_t reach = 0;
  size_t rows = 0;
  for (const Sequence& sequence : batch) {
    rows += sequence.end - sequence.start;
    reach = std::max(reach, sequence.end);
  }
  rope_.reach(reach);
  states_.assign(rows * stride, 0.0f);
  qkv_.resize(rows * weights_.layers.front().qkv.stride());
  mixed_.resize(rows * options_.query_heads * options_.head_dim);
  for (size_t s = 0; s < batch.size(); ++s) {
    const Sequence& sequence = batch[s];
    for (uint32_t t = sequence.start; t < sequence.end; ++t) {
      const auto row = static_cast<uint32_t>(positions_.size());
      if ((t - sequence.start) % kTileRows == 0) {
        const uint32_t n = std::min(sequence.end - t, static_cast<uint32_t>(kTileRows));
        tiles_.push_back({static_cast<uint32_t>(s), row, t, n});
      }
      positions_.push_back(t);
      row_pages_.push_back(sequence.pages[t / options_.page_tokens]);
      std::memcpy(&states_[row * stride], &weights_.embedding[sequence.tokens[t] * hidden],
                  hidden * sizeof(float));
    }
  }
}

void TinyModel::layer(uint32_t layer) {
  const size_t rows = positions_.size(), row_tiles = tiles_of(rows);
  const auto rows_of = [&](size_t tile) { return std::min(kTileRows, rows - tile * kTileRows); };
  pool_.run(row_tiles, [&](size_t tile, size_t thread) {
    project(layer, tile * kTileRows, rows_of(tile), scratch_[thread]);
  });
  // Every row's K and V stand in the pages now: rows of one sequence see each other.
  pool_.run(tiles_.size() * options_.heads, [&](size_t i, size_t thread) {
    attend_tile(layer, tiles_[i / options_.heads], static_cast<uint32_t>(i % options_.heads),
                scratch_[thread]);
  });
  pool_.run(row_tiles, [&](size_t tile, size_t thread) {
    feed_forward(layer, tile * kTileRows, rows_of(tile), scratch_[thread]);
  });
}

void TinyModel::norm_rows(size_t first, size_t rows, const std::vector<float>& weight,
                          std::vector<float>& out) {
  const size_t stride = padded(options_.hidden);
  out.resize(rows * stride);
  for (size_t r = 0; r < rows; ++r) {
    rms_norm(&states_[(first + r) * stride], weight.data(), &out[r * stride], options_.hidden);
  }
}

// Queries, keys and values of rows; keys and values go to the pages.
void TinyModel::project(uint32_t layer, size_t first, size_t rows, Scratch& scratch) {
  const LayerWeights& weights = weights_.layers[layer];
  const size_t dim = options_.head_dim, stride = weights.qkv.stride();
  norm_rows(first, rows, weights.attention_norm, scratch.normed);
  float* qkv = &qkv_[first * stride];
  std::fill_n(qkv, rows * stride, 0.0f);
  weights.qkv.add_product(kernels_, scratch.normed.data(), padded(options_.hidden), qkv, stride, rows);
  for (size_t r = 0; r < rows; ++r) {
    const uint32_t position = positions_[first + r], slot = position % options_.page_tokens;
    float* row = qkv + r * stride;
    for (uint32_t head = 0; head < options_.query_heads + options_.heads; ++head)
      rope_.turn(row + head * dim, position);
    const float* keys = row + options_.query_heads * dim;
    const float* values = keys + options_.heads * dim;
    for (uint32_t head = 0; head < options_.heads; ++head) {
      const uint32_t page = row_pages_[first + r];
      std::memcpy(pages_.row(layer, page, 0, head, slot), keys + head * dim, pages_.row_bytes());
      std::memcpy(pages_.row(layer, page, 1, head, slot), values + head * dim, pages_.row_bytes());
    }
  }
}

void TinyModel::attend_tile(uint32_t layer, const Tile& tile, uint32_t head, Scratch& scratch) {
  const size_t dim = options_.head_dim, stride = weights_.layers[layer].qkv.stride();
  const size_t group = options_.query_heads / options_.heads, width = options_.query_heads * dim;
  const AttentionCall call{.pages = pages_,
                           .layer = layer,
                           .head = head,
                           .group = static_cast<uint32_t>(group),
                           .page_table = batch_[tile.sequence].pages,
                           .position = tile.position,
                           .rows = tile.rows,
                           .queries = &qkv_[tile.first_row * stride + head * group * dim],
                           .out = &mixed_[tile.first_row * width + head * group * dim],
                           .queries_stride = stride,
                           .out_stride = width};
  attend(kernels_, call, scratch.attention);
}

void TinyModel::feed_forward(uint32_t layer, size_t first, size_t rows, Scratch& scratch) {
  const LayerWeights& weights = weights_.layers[layer];
  const size_t stride = padded(options_.hidden), width = size_t{options_.query_heads} * options_.head_dim;
  const size_t inner = weights.gate.stride();
  float* states = &states_[first * stride];
  weights.out.add_product(kernels_, &mixed_[first * width], width, states, stride, rows);
  norm_rows(first, rows, weights.ffn_norm, scratch.normed);
  scratch.gate.assign(rows * inner, 0.0f);
  scratch.up.assign(rows * inner, 0.0f);
  weights.gate.add_product(kernels_, scratch.normed.data(), stride, scratch.gate.data(), inner, rows);
  weights.up.add_product(kernels_, scratch.normed.data(), stride, scratch.up.data(), inner, rows);
  kernels_.swiglu(scratch.gate.data(), scratch.up.data(), rows * inner);
  weights.down.add_product(kernels_, scratch.gate.data(), inner, states, stride, rows);
}

std::span<const float> TinyModel::logits(size_t sequence) {
  size_t row = 0;
  for (size_t s = 0; s <= sequence; ++s) row += batch_[s].end - batch_[s].start;
  norm_rows(row - 1, 1, weights_.norm, scratch_[0].normed);
  logits_.assign(weights_.head.stride(), 0.0f);
  weights_.head.add_product(kernels_, scratch_[0].normed.data(), padded(options_.hidden), logits_.data(),
                            logits_.size(), 1);
  return {logits_.data(), options_.vocab};
}

void TinyModel::sample(std::span<int32_t> tokens) {
  for (size_t s = 0; s < batch_.size(); ++s) {
    const Sequence& sequence = batch_[s];
    tokens[s] = sequence.sample ? sample_token(logits(s), {.temperature = sequence.temperature,
                                                           .top_p = sequence.top_p,
                                                           .seed = sequence.seed,
                                                           .position = sequence.end})
                                : -1;
  }
}

}  // namespace baton::reference
