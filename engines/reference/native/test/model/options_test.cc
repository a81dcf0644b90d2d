#include <doctest/doctest.h>

#include <limits>

#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

TEST_CASE("options that make no model are refused by name") {
  struct Case {
    const char* expected;
    void (*spoil)(ModelOptions&);
  };
  const Case tiny[] = {
      {"kind = huge", [](ModelOptions& o) { o.kind = "huge"; }},
      {"layers = 0", [](ModelOptions& o) { o.layers = 0; }},
      {"heads = 0", [](ModelOptions& o) { o.heads = 0; }},
      {"headDim = 24", [](ModelOptions& o) { o.head_dim = 24; }},
      {"dtype = bf16", [](ModelOptions& o) { o.dtype = "bf16"; }},
      {"vocab = 0", [](ModelOptions& o) { o.vocab = 0; }},
      {"queryHeads = 0", [](ModelOptions& o) { o.query_heads = 0; }},
      {"queryHeads must be a multiple", [](ModelOptions& o) { o.query_heads = 3; }},
      {"hidden = 0", [](ModelOptions& o) { o.hidden = 0; }},
      {"ffn = 4294967295", [](ModelOptions& o) { o.ffn = UINT32_MAX; }},
      {"ropeTheta", [](ModelOptions& o) { o.rope_theta = std::numeric_limits<double>::quiet_NaN(); }},
      {"pages = 0", [](ModelOptions& o) { o.pages = 0; }},
      {"pages = 1048576", [](ModelOptions& o) { o.pages = 1u << 20, o.page_tokens = 1024, o.layers = 512; }},
      {"pageTokens = 4096", [](ModelOptions& o) { o.page_tokens = 4096; }},
      {"threads = 0", [](ModelOptions& o) { o.threads = 0; }},
  };
  for (const Case& c : tiny) {
    ModelOptions options = tiny_options();
    c.spoil(options);
    CHECK(refusal(options).find(c.expected) == 0);
  }
  const Case synthetic[] = {
      {"dtype = f16", [](ModelOptions& o) { o.dtype = "f16"; }},
      {"headDim = 6", [](ModelOptions& o) { o.head_dim = 6; }},
      {"vocab = 95", [](ModelOptions& o) { o.vocab = 95; }},
      {"computeUsPerLayer", [](ModelOptions& o) { o.compute_us_per_layer = -1; }},
      {"a layer would take more than 60 s", [](ModelOptions& o) { o.delay_ms = 1e9; }},
      {"a layer would take more than 60 s", [](ModelOptions& o) { o.compute_us_per_layer_token = 1e9; }},
  };
  for (const Case& c : synthetic) {
    ModelOptions options = synthetic_options();
    c.spoil(options);
    CHECK(refusal(options).find(c.expected) == 0);
  }
  CHECK(refusal(tiny_options()) == "");
  CHECK(refusal(synthetic_options()) == "");
}
