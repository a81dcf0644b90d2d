#include "model/synthetic/forward.h"

#include <doctest/doctest.h>

#include <set>

#include "base/clock.h"
#include "model/synthetic/prf.h"
#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

SyntheticModel& model(Rig& rig) { return dynamic_cast<SyntheticModel&>(*rig.model); }

// Computes a sequence in steps that end at `cuts`.
Sequence computed(Rig& rig, PagePicker& picker, const std::vector<uint32_t>& tokens,
                  std::vector<uint32_t> cuts) {
  Sequence sequence = whole(rig, picker, tokens);
  cuts.push_back(sequence.end);
  uint32_t at = 0;
  for (const uint32_t end : cuts) {
    sequence.start = at;
    sequence.end = at = end;
    rig.step({sequence});
  }
  return sequence;
}

}  // namespace

TEST_CASE("flipping any bit of any KV byte changes the hash") {
  ModelOptions options = synthetic_options();
  options.layers = 2;
  Rig rig(options);
  PagePicker picker(options.pages, 1);
  const Sequence sequence = computed(rig, picker, random_tokens(19, 1), {});
  const uint64_t expected = model(rig).hash(sequence.pages, 19);
  size_t bits = 0, unseen = 0;
  for (uint32_t layer = 0; layer < options.layers; ++layer) {
    for (uint32_t plane = 0; plane < kPlanes; ++plane) {
      for (uint32_t head = 0; head < options.heads; ++head) {
        for (uint32_t t = 0; t < 19; ++t) {
          uint8_t* row = rig.pages.row(layer, sequence.pages[t / 16], plane, head, t % 16);
          for (size_t bit = 0; bit < rig.pages.row_bytes() * 8; ++bit, ++bits) {
            row[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
            unseen += model(rig).hash(sequence.pages, 19) == expected ? 1 : 0;
            row[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
          }
        }
      }
    }
  }
  CHECK(bits == 2 * 2 * 2 * 19 * 32 * 8);
  CHECK(unseen == 0);
  CHECK(model(rig).hash(sequence.pages, 19) == expected);
}

TEST_CASE("stripes, tokens or pages that change places change the hash") {
  Rig rig(synthetic_options());
  PagePicker picker(rig.options.pages, 1);
  const Sequence sequence = computed(rig, picker, random_tokens(40, 2), {});
  const uint64_t expected = model(rig).hash(sequence.pages, 40);
  const auto swapped = [&](uint8_t* a, uint8_t* b) {
    std::swap_ranges(a, a + rig.pages.row_bytes(), b);
    const uint64_t hash = model(rig).hash(sequence.pages, 40);
    std::swap_ranges(a, a + rig.pages.row_bytes(), b);
    return hash;
  };
  const uint32_t page = sequence.pages[0];
  uint8_t* row = rig.pages.row(1, page, 0, 0, 5);
  CHECK(swapped(row, rig.pages.row(2, page, 0, 0, 5)) != expected);
  CHECK(swapped(row, rig.pages.row(1, page, 1, 0, 5)) != expected);
  CHECK(swapped(row, rig.pages.row(1, page, 0, 1, 5)) != expected);
  CHECK(swapped(row, rig.pages.row(1, page, 0, 0, 6)) != expected);
  CHECK(model(rig).hash({{sequence.pages[1], sequence.pages[0], sequence.pages[2]}}, 40) != expected);
  CHECK(model(rig).hash(sequence.pages, 39) != expected);
}

TEST_CASE("KV and tokens never depend on step cuts, companions, page size, threads or when KV is made") {
  const std::vector<uint32_t> tokens = random_tokens(150, 3);
  Rig reference(synthetic_options());
  PagePicker reference_picker(reference.options.pages, 9);
  const Sequence expected = computed(reference, reference_picker, tokens, {});
  const std::vector<uint8_t> kv = reference.kv(expected, 150);
  const int32_t token = reference.step({expected})[0];
  std::mt19937 random(4);
  for (int round = 0; round < 8; ++round) {
    ModelOptions options = synthetic_options();
    options.page_tokens = round % 2 == 0 ? 16 : 32;
    options.threads = round % 4 < 2 ? 1 : 2;
    options.prepare_kv = round >= 4;
    Rig rig(options);
    PagePicker picker(options.pages, static_cast<uint32_t>(round));
    const uint32_t cut = 1 + random() % 100;
    Sequence sequence = computed(rig, picker, tokens, {cut, cut + 1 + static_cast<uint32_t>(random() % 40)});
    CHECK(rig.kv(sequence, 150) == kv);
    sequence.start = 149;
    CHECK(rig.step({whole(rig, picker, random_tokens(30, 5)), sequence})[1] == token);
  }
}

TEST_CASE("KV depends on every token before it and on the seed, and tokens are printable") {
  Rig rig(synthetic_options());
  PagePicker picker(rig.options.pages, 1);
  const std::vector<uint32_t> tokens = random_tokens(33, 6);
  const Sequence first = computed(rig, picker, tokens, {});
  std::vector<uint32_t> other = tokens;
  other[0] ^= 1;
  const Sequence second = computed(rig, picker, other, {});
  const auto row = [&](Rig& r, const Sequence& sequence) {
    const uint8_t* from = r.pages.row(2, sequence.pages[2], 1, 1, 0);  // token 32
    return std::vector<uint8_t>(from, from + r.pages.row_bytes());
  };
  CHECK(row(rig, first) != row(rig, second));
  ModelOptions options = synthetic_options();
  options.seed += 1;
  Rig seeded(options);
  PagePicker seeded_picker(options.pages, 1);
  CHECK(row(seeded, computed(seeded, seeded_picker, tokens, {})) != row(rig, first));

  std::set<int32_t> seen;
  PagePicker again(rig.options.pages, 2);
  const std::vector<uint32_t> pages = again.take(2);
  for (uint32_t i = 0; i < 64; ++i) {
    Sequence sequence{.tokens = {i}, .start = 0, .end = 1, .pages = pages, .sample = true};
    seen.insert(rig.step({sequence})[0]);
    sequence.temperature = 1;
    sequence.seed = i;
    seen.insert(rig.step({sequence})[0]);
  }
  CHECK(seen.size() >= 40);
  CHECK(*seen.begin() >= ' ');
  CHECK(*seen.rbegin() <= '~');
}

TEST_CASE("layers end at steady times from the start of the step, a delayed one and those after it later") {
  Pace pace({.us_per_layer = 10, .us_per_layer_token = 0.5, .delay_layer = 2, .delay_ms = 50});
  pace.begin(1000000, 100);
  CHECK(pace.end_ns(0) == 1000000 + 60000);
  CHECK(pace.end_ns(1) == 1000000 + 120000);
  CHECK(pace.end_ns(2) == 1000000 + 180000 + 50000000);
  CHECK(pace.end_ns(3) == 1000000 + 240000 + 50000000);
}

TEST_CASE("a layer returns no earlier than its modelled compute allows") {
  ModelOptions options = synthetic_options();
  options.compute_us_per_layer = 2000;
  Rig rig(options);
  PagePicker picker(options.pages, 1);
  const std::vector<Sequence> batch = {whole(rig, picker, random_tokens(5, 1))};
  const uint64_t before = monotonic_ns();
  rig.step(batch);
  CHECK(monotonic_ns() - before >= options.layers * 2000000ull);
}
