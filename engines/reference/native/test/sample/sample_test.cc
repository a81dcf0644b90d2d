#include "sample/sample.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

using namespace baton::reference;

TEST_CASE("greedy takes the greatest logit, the lowest id among equals") {
  CHECK(sample_token(std::vector<float>{1, 3, 2, 3}, {}) == 1);
  CHECK(sample_token(std::vector<float>{-5, -5}, {}) == 0);
  CHECK(sample_token(std::vector<float>{-5, -4.5f}, {.seed = 3, .position = 9}) == 1);
}

TEST_CASE("a draw depends on logits, seed and position only") {
  std::vector<float> logits(100);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 37 % 100) / 25;
  std::set<int32_t> by_position, by_seed;
  for (uint32_t i = 0; i < 200; ++i) {
    const Draw draw{.temperature = 1, .seed = 5, .position = i};
    CHECK(sample_token(logits, draw) == sample_token(logits, draw));
    by_position.insert(sample_token(logits, draw));
    by_seed.insert(sample_token(logits, {.temperature = 1, .seed = i, .position = 5}));
  }
  CHECK(by_position.size() > 30);
  CHECK(by_seed.size() > 30);
}

TEST_CASE("draws follow softmax of logits over temperature") {
  const std::vector<float> logits = {0, 1, 2};
  constexpr int kDraws = 20000;
  std::vector<double> counts(3);
  for (uint32_t i = 0; i < kDraws; ++i) {
    counts[static_cast<size_t>(sample_token(logits, {.temperature = 0.5, .seed = 11, .position = i}))] += 1;
  }
  const double sum = 1 + std::exp(2) + std::exp(4);
  for (int i = 0; i < 3; ++i)
    CHECK(counts[i] / kDraws == doctest::Approx(std::exp(2 * i) / sum).epsilon(0.15));
}

TEST_CASE("top-p keeps the likeliest tokens that hold it, at least one") {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  const auto drawn = [&](double top_p) {
    std::set<int32_t> tokens;
    for (uint32_t i = 0; i < 500; ++i) {
      tokens.insert(sample_token(logits, {.temperature = 1, .top_p = top_p, .seed = 2, .position = i}));
    }
    return tokens;
  };
  CHECK(drawn(0) == std::set<int32_t>{1});
  CHECK(drawn(0.49) == std::set<int32_t>{1});
  CHECK(drawn(0.6) == std::set<int32_t>{1, 2});
  CHECK(drawn(0.85) == std::set<int32_t>{0, 1, 2});
  CHECK(drawn(1) == std::set<int32_t>{0, 1, 2});
}
