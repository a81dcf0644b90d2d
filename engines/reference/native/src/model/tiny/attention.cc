#include "model/tiny/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace baton::reference {
namespace {

struct Block {
  uint32_t first, end;  // positions
};

const float* row(const AttentionCall& call, uint32_t plane, uint32_t position) {
  const uint32_t page_tokens = call.pages.shape().page_tokens;
  const uint32_t page = call.page_table[position / page_tokens];
  return reinterpret_cast<const float*>(
      call.pages.row(call.layer, page, plane, call.head, position % page_tokens));
}

// Positions from `position` that stand side by side in one page, at most to `end`.
uint32_t run(const AttentionCall& call, uint32_t position, uint32_t end) {
  const uint32_t page_tokens = call.pages.shape().page_tokens;
  return std::min(end - position, page_tokens - position % page_tokens);
}

// keys[d][j] = K of position block.first + j; columns beyond the block's end keep what they had: their scores
// are never weighed.
void transpose_keys(const Kernels& kernels, const AttentionCall& call, Block block, size_t dim, float* keys) {
  for (uint32_t position = block.first; position < block.end;) {
    const uint32_t n = run(call, position, block.end);
    kernels.transpose(row(call, 0, position), dim, keys + (position - block.first), kKeyBlock, n, dim);
    position += n;
  }
}

// sums[r] += weights[r] × V of positions [block.first, end), for `rows` rows of weights.
void add_values(const Kernels& kernels, const AttentionCall& call, Block block, size_t dim,
                const float* weights, float* sums, size_t rows) {
  for (uint32_t position = block.first; position < block.end;) {
    const uint32_t n = run(call, position, block.end);
    kernels.accumulate({.a = weights + (position - block.first),
                        .a_stride = kKeyBlock,
                        .b = row(call, 1, position),
                        .b_stride = dim,
                        .b_panel = kPanel,
                        .c = sums,
                        .c_stride = dim,
                        .rows = rows,
                        .k = n,
                        .panels = dim / kPanel});
    position += n;
  }
}

// Query row r × group + j is query head j of row r, scaled.
void start(const AttentionCall& call, size_t dim, AttentionScratch& scratch) {
  const size_t rows = size_t{call.rows} * call.group;
  scratch.queries.resize(rows * dim);
  scratch.scores.resize(rows * kKeyBlock);
  scratch.keys.resize(dim * kKeyBlock);
  scratch.sums.assign(rows * dim, 0.0f);
  scratch.softmax.assign(rows, Softmax{-std::numeric_limits<float>::infinity(), {}});
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  for (size_t r = 0; r < call.rows; ++r) {
    for (size_t i = 0; i < call.group * dim; ++i) {
      scratch.queries[r * call.group * dim + i] = call.queries[r * call.queries_stride + i] * scale;
    }
  }
}

void finish(const AttentionCall& call, size_t dim, const AttentionScratch& scratch) {
  for (size_t r = 0; r < call.rows; ++r) {
    for (size_t j = 0; j < call.group; ++j) {
      const size_t row = r * call.group + j;
      const float* s = scratch.softmax[row].sums;
      const float sum = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
      float* out = call.out + r * call.out_stride + j * dim;
      for (size_t d = 0; d < dim; ++d) out[d] = scratch.sums[row * dim + d] / sum;
    }
  }
}

}  // namespace

void attend(const Kernels& kernels, const AttentionCall& call, AttentionScratch& scratch) {
  const size_t dim = call.pages.shape().elements, group = call.group;
  const uint32_t end = call.position + call.rows;
  start(call, dim, scratch);
  for (uint32_t first = 0; first < end; first += kKeyBlock) {
    const Block block{first, std::min<uint32_t>(first + kKeyBlock, end)};
    transpose_keys(kernels, call, block, dim, scratch.keys.data());
    // Rows before `seeing` stand before the block; rows from `whole` on see all of it.
    const uint32_t seeing = first > call.position ? first - call.position : 0;
    const uint32_t last = first + static_cast<uint32_t>(kKeyBlock) - 1;
    const uint32_t whole = std::min(call.rows, last > call.position ? last - call.position : 0);

    const size_t from = seeing * group, rows = (call.rows - seeing) * group;
    float* scores = scratch.scores.data() + from * kKeyBlock;
    std::fill_n(scores, rows * kKeyBlock, 0.0f);
    kernels.accumulate({.a = scratch.queries.data() + from * dim,
                        .a_stride = dim,
                        .b = scratch.keys.data(),
                        .b_stride = kKeyBlock,
                        .b_panel = kPanel,
                        .c = scores,
                        .c_stride = kKeyBlock,
                        .rows = rows,
                        .k = dim,
                        .panels = kKeyBlock / kPanel});
    for (size_t i = 0; i < rows; ++i) {
      const uint32_t position = call.position + static_cast<uint32_t>((from + i) / group);
      const size_t valid = std::min<size_t>(kKeyBlock, position - first + 1);
      kernels.weigh(scores + i * kKeyBlock, valid, scratch.softmax[from + i],
                    scratch.sums.data() + (from + i) * dim, dim);
    }
    // A row inside the block reads no value beyond its own position.
    for (uint32_t r = seeing; r < whole; ++r) {
      add_values(kernels, call, {first, call.position + r + 1}, dim,
                 scratch.scores.data() + r * group * kKeyBlock, scratch.sums.data() + r * group * dim, group);
    }
    if (whole < call.rows) {
      add_values(kernels, call, block, dim, scratch.scores.data() + whole * group * kKeyBlock,
                 scratch.sums.data() + whole * group * dim, (call.rows - whole) * group);
    }
  }
  finish(call, dim, scratch);
}

}  // namespace baton::reference
