#include "base/types.h"

#include <doctest/doctest.h>

#include <functional>

using baton::Geometry;

namespace {
Geometry llama8b() { return {32, 8, 2, {256, 256}, 256}; }
}  // namespace

TEST_CASE("sizes of an 8B Llama are those of the design") {
  const Geometry g = llama8b();
  CHECK(g.refusal() == nullptr);
  CHECK(g.stripe_bytes(256) == 128 * 1024);
  CHECK(g.payload_bytes(256) == 32 * 1024 * 1024);
  CHECK(g.payload_bytes(1) == 128 * 1024);
}

TEST_CASE("one latent plane and the largest counts are served") {
  CHECK(Geometry{61, 1, 1, {1152}, 256}.refusal() == nullptr);
  CHECK(Geometry{1024, 64, 4, {1, 2, 3, 65536}, 4096}.refusal() == nullptr);
}

TEST_CASE("a geometry that cannot be served says why") {
  const std::pair<std::function<void(Geometry&)>, const char*> cases[] = {
      {[](Geometry& g) { g.layers = 0; }, "layers must be 1 to 1024"},
      {[](Geometry& g) { g.layers = 1025; }, "layers must be 1 to 1024"},
      {[](Geometry& g) { g.heads = 0; }, "heads must be 1 to 1024"},
      {[](Geometry& g) { g.heads = UINT32_MAX; }, "heads must be 1 to 1024"},
      {[](Geometry& g) { g.layers = g.heads = 1024; }, "layers times heads must be at most 65536"},
      {[](Geometry& g) { g.planes = 0; }, "planes must be 1 to 4"},
      {[](Geometry& g) { g.planes = 5; }, "planes must be 1 to 4"},
      {[](Geometry& g) { g.plane_bytes[1] = 0; }, "bytes of a plane must be 1 to 65536"},
      {[](Geometry& g) { g.plane_bytes[0] = 65537; }, "bytes of a plane must be 1 to 65536"},
      {[](Geometry& g) { g.planes = 1; }, "bytes of a plane that is not there must be 0"},
      {[](Geometry& g) { g.chunk_tokens = 0; }, "chunk tokens must be 1 to 4096"},
      {[](Geometry& g) { g.chunk_tokens = 4097; }, "chunk tokens must be 1 to 4096"},
  };
  for (const auto& [change, why] : cases) {
    Geometry g = llama8b();
    change(g);
    REQUIRE(g.refusal() != nullptr);
    CHECK(std::string(g.refusal()) == why);
  }
}
