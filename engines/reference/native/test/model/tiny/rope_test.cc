#include "model/tiny/rope.h"

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <vector>

#include "model/tiny/norm.h"

using namespace baton::reference;

TEST_CASE("each pair of elements turns by its own angle per position") {
  Rope rope(10000, 32);
  rope.reach(10);
  rope.reach(5000);
  for (const uint32_t position : {0u, 1u, 9u, 10u, 4999u}) {
    std::vector<float> head(32);
    for (size_t i = 0; i < 32; ++i) head[i] = static_cast<float>(i) - 7.5f;
    const std::vector<float> given = head;
    rope.turn(head.data(), position);
    for (size_t i = 0; i < 16; ++i) {
      const double angle = position * std::pow(10000.0, -2.0 * static_cast<double>(i) / 32);
      const std::complex<double> turned = std::complex<double>(given[i], given[i + 16]) * std::polar(1.0, angle);
      CHECK(head[i] == doctest::Approx(turned.real()).epsilon(1e-5));
      CHECK(head[i + 16] == doctest::Approx(turned.imag()).epsilon(1e-5));
    }
  }
}

TEST_CASE("a table that grows by steps equals one made at once") {
  Rope grown(500000, 64), made(500000, 64);
  for (const uint32_t end : {1u, 3u, 100u, 1000u}) grown.reach(end);
  made.reach(1000);
  for (uint32_t position = 0; position < 1000; ++position) {
    std::vector<float> a(64, 1.5f), b(64, 1.5f);
    grown.turn(a.data(), position);
    made.turn(b.data(), position);
    REQUIRE(a == b);
  }
}

TEST_CASE("a normalised row has a root mean square of 1, times the weights") {
  for (const size_t n : {8, 100, 128}) {
    std::vector<float> in(n), weight(n), out(n);
    double squares = 0;
    for (size_t i = 0; i < n; ++i) {
      in[i] = static_cast<float>(i % 11) - 4;
      weight[i] = 0.5f + static_cast<float>(i % 3);
      squares += double{in[i]} * in[i];
    }
    rms_norm(in.data(), weight.data(), out.data(), n);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (size_t i = 0; i < n; ++i) CHECK(out[i] == doctest::Approx(in[i] * scale * weight[i]).epsilon(1e-6));
  }
}
