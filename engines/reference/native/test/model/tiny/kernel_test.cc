#include "model/tiny/kernel.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "model/tiny/matrix.h"

using namespace baton::reference;

namespace {

std::vector<float> random_floats(size_t n, uint32_t seed, float size = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(-size, size);
  std::vector<float> out(n);
  for (float& x : out) x = draw(random);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<const Kernels*> builds() {
  std::vector<const Kernels*> all = {&plain_kernels()};
  if (avx2_kernels() != nullptr) all.push_back(avx2_kernels());
  return all;
}

}  // namespace

TEST_CASE("a product is summed from the first input to the last, whatever the number of rows") {
  for (const size_t inputs : {1, 7, 128}) {
    for (const size_t outputs : {5, 16, 40, 80}) {
      const auto weights = random_floats(inputs * outputs, 1), in = random_floats(9 * inputs, 2);
      Matrix matrix(inputs, outputs);
      matrix.set(0, weights);
      const size_t stride = matrix.stride();
      std::vector<float> expected(9 * stride, 0.5f);
      for (size_t r = 0; r < 9; ++r) {
        for (size_t o = 0; o < outputs; ++o) {
          float sum = 0.5f;
          for (size_t i = 0; i < inputs; ++i) {
            const volatile float product = in[r * inputs + i] * weights[o * inputs + i];
            sum += product;
          }
          expected[r * stride + o] = sum;
        }
      }
      for (const Kernels* kernels : builds()) {
        for (size_t rows = 1; rows <= 9; ++rows) {
          std::vector<float> out(9 * stride, 0.5f);
          matrix.add_product(*kernels, in.data(), inputs, out.data(), stride, rows);
          out.resize(rows * stride);
          CHECK(same_bits(out, {expected.begin(), expected.begin() + static_cast<ptrdiff_t>(rows * stride)}));
        }
      }
    }
  }
}

TEST_CASE("a transposition moves every element to its place") {
  for (const size_t rows : {1, 3, 4, 16, 21}) {
    const auto from = random_floats(rows * 40, 3);
    for (const Kernels* kernels : builds()) {
      std::vector<float> to(40 * 64, -1);
      kernels->transpose(from.data(), 40, to.data(), 64, rows, 40);
      size_t wrong = 0;
      for (size_t c = 0; c < 40; ++c) {
        for (size_t r = 0; r < 64; ++r) wrong += to[c * 64 + r] != (r < rows ? from[r * 40 + c] : -1) ? 1 : 0;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("weights of a block are those of softmax, and scores beyond the valid ones weigh nothing") {
  for (const Kernels* kernels : builds()) {
    for (const size_t valid : {1, 8, 13, 64}) {
      std::vector<float> scores = random_floats(kKeyBlock, 4, 30), out(32, 2.0f);
      const std::vector<float> given = scores;
      for (size_t i = valid; i < kKeyBlock; ++i) scores[i] = std::numeric_limits<float>::quiet_NaN();
      Softmax softmax{-std::numeric_limits<float>::infinity(), {}};
      kernels->weigh(scores.data(), valid, softmax, out.data(), out.size());
      double greatest = given[0], sum = 0, weighed = 0;
      for (size_t i = 0; i < valid; ++i) greatest = std::max(greatest, double{given[i]});
      CHECK(softmax.greatest == static_cast<float>(greatest));
      for (size_t i = 0; i < kKeyBlock; ++i) {
        // The kernel's argument is a float: its rounding is no error of the exponential.
        const float argument = given[i] - static_cast<float>(greatest);
        const double expected = i < valid ? std::exp(double{argument}) : 0;
        CHECK(std::abs(scores[i] - expected) <= 4e-7 * expected);
        sum += expected;
      }
      for (const float lane : softmax.sums) weighed += lane;
      CHECK(weighed == doctest::Approx(sum).epsilon(1e-6));
      CHECK(out[5] == 0);  // what was summed before the first block is nothing
    }
  }
}

TEST_CASE("a greater score in a later block scales down what came before") {
  for (const Kernels* kernels : builds()) {
    std::vector<float> scores(kKeyBlock, 3.0f), out(16, 8.0f);
    Softmax softmax{1.0f, {4, 0, 0, 0, 0, 0, 0, 0}};
    kernels->weigh(scores.data(), kKeyBlock, softmax, out.data(), out.size());
    CHECK(softmax.greatest == 3.0f);
    CHECK(out[15] == doctest::Approx(8 * std::exp(-2.0)).epsilon(1e-6));
    CHECK(softmax.sums[0] == doctest::Approx(8 + 4 * std::exp(-2.0)).epsilon(1e-6));
    CHECK(scores[63] == 1.0f);
  }
}

TEST_CASE("swiglu is gate times sigmoid of gate times up, for large gates too") {
  for (const Kernels* kernels : builds()) {
    std::vector<float> gate = random_floats(64, 5, 8), up = random_floats(64, 6);
    gate[0] = 200, gate[1] = -200, gate[2] = 0;
    const std::vector<float> given = gate;
    kernels->swiglu(gate.data(), up.data(), gate.size());
    for (size_t i = 0; i < gate.size(); ++i) {
      const double expected = given[i] / (1 + std::exp(-double{given[i]})) * up[i];
      CHECK(gate[i] == doctest::Approx(expected).epsilon(1e-6));
    }
  }
}

TEST_CASE("AVX2 and plain kernels agree bit for bit") {
  REQUIRE(&kernels() == (avx2_kernels() != nullptr ? avx2_kernels() : &plain_kernels()));
  std::vector<std::vector<float>> results;
  for (const Kernels* kernels : builds()) {
    std::vector<float> all, scores = random_floats(kKeyBlock, 8, 90), out = random_floats(32, 9);
    Softmax softmax{0.25f, {1, 2, 3, 4, 5, 6, 7, 8}};
    kernels->weigh(scores.data(), 50, softmax, out.data(), out.size());
    std::vector<float> gate = random_floats(4096, 10, 100);
    kernels->swiglu(gate.data(), random_floats(4096, 11).data(), gate.size());
    all.insert(all.end(), scores.begin(), scores.end());
    all.insert(all.end(), out.begin(), out.end());
    all.insert(all.end(), std::begin(softmax.sums), std::end(softmax.sums));
    all.insert(all.end(), gate.begin(), gate.end());
    results.push_back(all);
  }
  CHECK(same_bits(results.front(), results.back()));
}
