#pragma once
// Causal grouped-query attention over paged KV. Keys are weighed in blocks that start at fixed positions
// (online softmax from block to block), so a row's result depends on its position alone, never on steps,
// pages or other rows.
#include <cstdint>
#include <span>
#include <vector>

#include "model/tiny/kernel.h"
#include "pages/pages.h"

namespace baton::reference {

inline constexpr uint32_t kAttentionRows = 32;  // rows of one call at most

struct AttentionScratch {  // of one thread
  std::vector<float> queries, scores, sums, keys;
  std::vector<Softmax> softmax;
};

struct AttentionCall {
  const Pages& pages;
  uint32_t layer, head;                  // KV head
  uint32_t group;                        // query heads per KV head
  std::span<const uint32_t> page_table;  // of the sequence
  uint32_t position, rows;  // rows stand at position, position + 1, …; their K and V are in the pages
  const float* queries;     // [row][group][dim]: the group's query heads
  float* out;               // likewise
  size_t queries_stride, out_stride;  // between rows, floats
};

void attend(const Kernels&, const AttentionCall&, AttentionScratch&);

}  // namespace baton::reference
