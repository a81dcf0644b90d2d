#include "connector/load.h"

#include <doctest/doctest.h>

#include <cstring>

#include "base/clock.h"
#include "support/fake_baton.h"
#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

constexpr uint32_t kChunk = 32;

struct Fixture {
  Fixture() { fake.reset(); }
  ~Fixture() { request.client.reset(); }
  // Slots 0 and 1 as arena content, gathered from the pages of another engine with pages of 16.
  Sequence fill() {
    Rig rig(synthetic_options());
    PagePicker picker(rig.options.pages, 1);
    const Sequence sequence = whole(rig, picker, random_tokens(kChunk + 20, 1));
    rig.step({sequence});
    kv = rig.kv(sequence, sequence.end);
    for (uint32_t layer = 0; layer < rig.options.layers; ++layer) {
      const baton_layer_layout layout = rig.pages.layout(layer);
      for (uint32_t chunk = 0; chunk < 2; ++chunk) {
        const baton_slot slot = fake_slot(chunk, chunk == 0 ? kChunk : 20);
        baton_gather(fake_client(), &slot, layer, 0, rig.options.heads, &layout, &sequence.pages[chunk * 2],
                     2, 0);
      }
    }
    return sequence;
  }
  LoadRequest& ask(const Sequence& sequence, uint32_t pages_of_chunk) {
    request = {.client = own(fake_client()),
               .slots = {fake_slot(0, kChunk), fake_slot(1, 20)},
               .pages = {{sequence.pages.begin(), sequence.pages.begin() + pages_of_chunk},
                         {sequence.pages.begin() + pages_of_chunk, sequence.pages.end()}},
               .page_offsets = {0, 0},
               .token_counts = {kChunk, 20},
               .chunk_tokens = kChunk,
               .verify = true,
               .ticket = std::array<uint8_t, BATON_TICKET_BYTES>{9},
               .check = true};
    return request;
  }

  FakeBaton& fake = FakeBaton::instance();
  std::vector<uint8_t> kv;
  LoadRequest request;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a load writes the chunks' bytes to pages of another size and digests what stands there") {
  fill();
  ModelOptions options = synthetic_options();
  options.page_tokens = 32;
  Rig rig(options);
  PagePicker picker(options.pages, 2);
  const Sequence sequence = whole(rig, picker, random_tokens(kChunk + 20, 1));
  const uint64_t before = monotonic_ns();
  const LoadResult result = load(ask(sequence, 1), rig.pages);
  CHECK(result.status() == BATON_OK);
  CHECK(result.statuses == std::vector<int32_t>{0, 0});
  CHECK(rig.kv(sequence, sequence.end) == kv);

  const size_t chunk_bytes = options.layers * options.heads * BATON_DIGEST_BYTES;
  REQUIRE(result.digests.size() == 2 * chunk_bytes);
  std::vector<uint8_t> digests(chunk_bytes);
  REQUIRE(digest_chunk(rig.pages, request.slots[1].key, kChunk, 20, request.pages[1], 0, digests.data()) ==
          BATON_OK);
  CHECK(std::memcmp(digests.data(), &result.digests[chunk_bytes], chunk_bytes) == 0);

  const std::vector<Call> scattered = fake.calls("scattered");
  REQUIRE(scattered.size() == 1);
  REQUIRE(scattered[0].stamps.size() == options.layers);
  CHECK(scattered[0].stamps[0] >= before);
  for (uint32_t i = 1; i < options.layers; ++i) CHECK(scattered[0].stamps[i] >= scattered[0].stamps[i - 1]);
}

TEST_CASE_FIXTURE(Fixture, "layers are scattered one after the other over all slots") {
  fill();
  Rig rig(synthetic_options());
  PagePicker picker(rig.options.pages, 2);
  const Sequence sequence = whole(rig, picker, random_tokens(kChunk + 20, 1));
  load(ask(sequence, 2), rig.pages);
  std::vector<std::pair<uint32_t, uint32_t>> order;
  for (const Call& call : fake.calls("scatter")) order.emplace_back(call.layer, call.slots[0]);
  CHECK(order == std::vector<std::pair<uint32_t, uint32_t>>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}});
}

TEST_CASE_FIXTURE(
    Fixture, "a wrong digest is told for its slot; the others are loaded, the layers after it not stamped") {
  fill();
  Rig rig(synthetic_options());
  PagePicker picker(rig.options.pages, 2);
  const Sequence sequence = whole(rig, picker, random_tokens(kChunk + 20, 1));
  fake.answer = [](const std::string& what, uint32_t slot, uint32_t layer) {
    return what == "scatter" && slot == 1 && layer == 1 ? BATON_ERR_DIGEST : BATON_OK;
  };
  const LoadResult result = load(ask(sequence, 2), rig.pages);
  CHECK(result.status() == BATON_ERR_DIGEST);
  CHECK(result.statuses == std::vector<int32_t>{0, BATON_ERR_DIGEST});
  CHECK(fake.calls("scatter").size() == 3 + 2);
  const std::vector<uint64_t> stamps = fake.calls("scattered").at(0).stamps;
  CHECK(stamps[0] > 0);
  CHECK(stamps[1] == 0);
  CHECK(stamps[2] == 0);
  CHECK(std::all_of(result.digests.end() - 3 * 2 * BATON_DIGEST_BYTES, result.digests.end(),
                    [](uint8_t byte) { return byte == 0; }));
}

TEST_CASE_FIXTURE(Fixture, "only the tokens asked for are written") {
  fill();
  Rig rig(synthetic_options());
  PagePicker picker(rig.options.pages, 2);
  const Sequence sequence = whole(rig, picker, random_tokens(kChunk + 20, 1));
  ask(sequence, 2).token_counts = {17, 0};
  request.ticket.reset();
  request.check = false;
  const LoadResult result = load(request, rig.pages);
  CHECK(result.digests.empty());
  CHECK(fake.calls("scattered").empty());
  const std::vector<uint8_t> written = rig.kv(sequence, kChunk + 20);
  const size_t row = rig.pages.row_bytes();
  size_t wrong = 0;
  for (size_t at = 0; at < written.size(); at += row) {
    const bool asked = at / row % (kChunk + 20) < 17;
    const std::vector<uint8_t> expected =
        asked ? std::vector<uint8_t>(&kv[at], &kv[at] + row) : std::vector<uint8_t>(row);
    wrong += std::memcmp(&written[at], expected.data(), row) != 0 ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a load whose client was detached ends with closed, and the last holder detaches") {
  Rig rig(synthetic_options());
  PagePicker picker(rig.options.pages, 2);
  const Sequence sequence = whole(rig, picker, random_tokens(kChunk + 20, 1));
  ask(sequence, 2);
  Client other = request.client;
  request.client.reset();
  CHECK(fake.calls("detach").empty());
  other.reset();
  CHECK(fake.calls("detach").size() == 1);
  CHECK(load(request, rig.pages).statuses == std::vector<int32_t>{BATON_ERR_CLOSED, BATON_ERR_CLOSED});
  CHECK(fake.calls("scatter").empty());
}
