#include "connector/gather.h"

#include <doctest/doctest.h>

#include "support/fake_baton.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

using Lists = std::vector<std::vector<Gather>>;

struct Fixture {
  Fixture() { fake.reset(); }
  Gather gather(uint32_t id) { return {.slot = fake_slot(id, 4), .pages = {id % 4}, .page_offset = 0}; }

  FakeBaton& fake = FakeBaton::instance();
  Pages pages{{.layers = 3, .heads = 2, .elements = 4, .element_bytes = 4, .pages = 4, .page_tokens = 4}};
};

std::vector<std::string> kinds(const std::vector<Call>& calls) {
  std::vector<std::string> out;
  for (const Call& call : calls) out.push_back(call.what);
  return out;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a layer's chunks of all sequences are gathered first, then announced in one message") {
  const Lists lists = {{gather(1), gather(2)}, {}, {gather(3)}};
  Gathering gathering(fake_client(), pages, lists);
  CHECK_FALSE(gathering.empty());
  gathering.layer(0, 111);
  gathering.layer(1, 222);
  CHECK(kinds(fake.calls()) == std::vector<std::string>{"gather", "gather", "gather", "announce", "gather",
                                                        "gather", "gather", "announce"});
  const std::vector<Call> announced = fake.calls("announce");
  CHECK(announced[0].slots == std::vector<uint32_t>{1, 2, 3});
  CHECK(announced[0].layer == 0);
  CHECK(announced[0].computed_ns == 111);
  CHECK(announced[1].layer == 1);
  CHECK(announced[1].computed_ns == 222);
  CHECK(gathering.status() == std::vector<int32_t>{0, 0, 0});
}

TEST_CASE_FIXTURE(Fixture,
                  "a gather that fails ends its sequence: what stands is announced, its fills aborted, others go on") {
  const Lists lists = {{gather(1), gather(2)}, {gather(3)}};
  fake.answer = [](const std::string& what, uint32_t slot, uint32_t layer) {
    return what == "gather" && slot == 2 && layer == 1 ? BATON_ERR_ENDED : BATON_OK;
  };
  Gathering gathering(fake_client(), pages, lists);
  for (uint32_t layer = 0; layer < 3; ++layer) gathering.layer(layer, 1);
  const std::vector<Call> announced = fake.calls("announce"), aborted = fake.calls("abort");
  REQUIRE(announced.size() == 4);
  CHECK(announced[0].slots == std::vector<uint32_t>{1, 2, 3});
  CHECK(announced[1].slots == std::vector<uint32_t>{1});  // of layer 1, before the abort
  CHECK(announced[2].slots == std::vector<uint32_t>{3});
  CHECK(announced[3].slots == std::vector<uint32_t>{3});
  CHECK(kinds(fake.calls()) == std::vector<std::string>{"gather", "gather", "gather", "announce", "gather", "gather",
                                                        "announce", "abort", "abort", "gather", "announce", "gather",
                                                        "announce"});
  REQUIRE(aborted.size() == 2);
  CHECK(aborted[0].slots[0] == 1);
  CHECK(aborted[1].slots[0] == 2);
  CHECK(fake.calls("gather").size() == 3 + 3 + 1);
  CHECK(gathering.status() == std::vector<int32_t>{BATON_ERR_ENDED, 0});
}

TEST_CASE_FIXTURE(Fixture, "an announcement that fails ends all gathers of the step") {
  const Lists lists = {{gather(1)}, {}, {gather(2)}};
  fake.answer = [](const std::string& what, uint32_t, uint32_t) {
    return what == "announce" ? BATON_ERR_CLOSED : BATON_OK;
  };
  Gathering gathering(fake_client(), pages, lists);
  gathering.layer(0, 1);
  gathering.layer(1, 1);
  CHECK(gathering.status() == std::vector<int32_t>{BATON_ERR_CLOSED, 0, BATON_ERR_CLOSED});
  CHECK(fake.calls("abort").size() == 2);
  CHECK(fake.calls("gather").size() == 2);
  CHECK(fake.calls("announce").size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "without a client the sequences that wanted gathers are told so") {
  const Lists lists = {{gather(1)}, {}};
  const Gathering gathering(nullptr, pages, lists);
  CHECK(gathering.empty());
  CHECK(gathering.status() == std::vector<int32_t>{BATON_ERR_CLOSED, 0});
  CHECK(fake.calls().empty());
}

TEST_CASE_FIXTURE(Fixture, "a step without gathers has nothing to hook") {
  const Lists lists = {{}, {}};
  CHECK(Gathering(fake_client(), pages, lists).empty());
}

TEST_CASE("a layer of many MiB is announced piece by piece: the first is on the wire while the last is copied") {
  FakeBaton& fake = FakeBaton::instance();
  fake.reset();
  // 1 MiB a token: each chunk of 4 tokens is as much as is announced at once.
  Pages pages({.layers = 1, .heads = 128, .elements = 1024, .element_bytes = 4, .pages = 2, .page_tokens = 4});
  const Lists lists = {{{.slot = fake_slot(1, 4), .pages = {0}}, {.slot = fake_slot(2, 1), .pages = {1}}},
                       {{.slot = fake_slot(3, 3), .pages = {1}}, {.slot = fake_slot(4, 1), .pages = {0}}}};
  Gathering gathering(fake_client(), pages, lists);
  gathering.layer(0, 5);
  std::vector<std::vector<uint32_t>> announced;
  for (const Call& call : fake.calls("announce")) announced.push_back(call.slots);
  CHECK(announced == std::vector<std::vector<uint32_t>>{{1}, {2, 3}, {4}});
}
