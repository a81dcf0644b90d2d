#include "model/tiny/attention.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

constexpr uint32_t kDim = 32, kHeads = 2, kGroup = 3, kTokens = 300;

struct Filled {
  explicit Filled(uint32_t page_tokens)
      : pages({.layers = 1, .heads = kHeads, .elements = kDim, .element_bytes = 4, .pages = 64, .page_tokens = page_tokens}),
        table(PagePicker(64, 3).take((kTokens + page_tokens - 1) / page_tokens)) {
    std::mt19937 random(11);
    std::normal_distribution<float> draw;
    for (uint32_t t = 0; t < kTokens; ++t) {
      for (uint32_t plane = 0; plane < kPlanes; ++plane) {
        for (uint32_t head = 0; head < kHeads; ++head) {
          for (uint32_t d = 0; d < kDim; ++d) at(plane, head, t)[d] = draw(random);
        }
      }
    }
    queries.resize(kTokens * kGroup * kDim);
    for (float& x : queries) x = 2 * draw(random);
  }
  float* at(uint32_t plane, uint32_t head, uint32_t t) {
    const uint32_t page_tokens = pages.shape().page_tokens;
    return reinterpret_cast<float*>(pages.row(0, table[t / page_tokens], plane, head, t % page_tokens));
  }
  // Rows [first, first + rows) in calls of at most `step` rows.
  std::vector<float> attend(const Kernels& kernels, uint32_t head, uint32_t first, uint32_t rows, uint32_t step) {
    std::vector<float> out(size_t{rows} * kGroup * kDim);
    AttentionScratch scratch;
    for (uint32_t done = 0; done < rows; done += step) {
      const uint32_t n = std::min(step, rows - done);
      baton::reference::attend(kernels,
                               {.pages = pages,
                                .layer = 0,
                                .head = head,
                                .group = kGroup,
                                .page_table = table,
                                .position = first + done,
                                .rows = n,
                                .queries = &queries[(first + done) * kGroup * kDim],
                                .out = &out[done * kGroup * kDim],
                                .queries_stride = kGroup * kDim,
                                .out_stride = kGroup * kDim},
                               scratch);
    }
    return out;
  }

  Pages pages;
  std::vector<uint32_t> table;
  std::vector<float> queries;
};

}  // namespace

TEST_CASE("attention over pages equals the textbook's in double precision") {
  Filled filled(16);
  for (uint32_t head = 0; head < kHeads; ++head) {
    const std::vector<float> out = filled.attend(kernels(), head, 0, kTokens, kAttentionRows);
    double worst = 0;
    for (uint32_t t = 0; t < kTokens; ++t) {
      for (uint32_t j = 0; j < kGroup; ++j) {
        const float* query = &filled.queries[(t * kGroup + j) * kDim];
        std::vector<double> weights(t + 1);
        double greatest = -1e300, sum = 0;
        for (uint32_t p = 0; p <= t; ++p) {
          for (uint32_t d = 0; d < kDim; ++d) weights[p] += double{query[d]} * filled.at(0, head, p)[d];
          weights[p] /= std::sqrt(double{kDim});
          greatest = std::max(greatest, weights[p]);
        }
        for (double& weight : weights) sum += weight = std::exp(weight - greatest);
        for (uint32_t d = 0; d < kDim; ++d) {
          double expected = 0;
          for (uint32_t p = 0; p <= t; ++p) expected += weights[p] / sum * filled.at(1, head, p)[d];
          worst = std::max(worst, std::abs(expected - out[(t * kGroup + j) * kDim + d]));
        }
      }
    }
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("a row attends alike alone and with others, on any page size, with plain and AVX2 kernels") {
  Filled small(16), large(32), odd(24);
  const std::vector<float> expected = small.attend(plain_kernels(), 1, 0, kTokens, kAttentionRows);
  for (Filled* filled : {&small, &large, &odd}) {
    for (const uint32_t step : {1u, 5u, 31u, 32u}) {
      CHECK(filled->attend(kernels(), 1, 0, kTokens, step) == expected);
    }
  }
}

TEST_CASE("a row never reads what stands beyond its position") {
  Filled filled(16);
  const std::vector<float> expected = filled.attend(kernels(), 0, 0, 100, 32);
  for (uint32_t t = 100; t < kTokens; ++t) {
    for (uint32_t plane = 0; plane < kPlanes; ++plane) {
      std::fill_n(filled.at(plane, 0, t), kDim, std::numeric_limits<float>::quiet_NaN());
    }
  }
  CHECK(filled.attend(kernels(), 0, 0, 100, 32) == expected);
}
