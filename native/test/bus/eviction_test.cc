// Of a chain of chunks that gives way bit by bit, the beginning goes last: without it the rest is found by nobody.
#include "support/bus_pair.h"

using namespace baton;
using namespace baton::test;

namespace {

constexpr uint32_t kChunks = 7;  // fill the arena

struct Full {
  Full() {
    REQUIRE(keeper.keep(chain) == BATON_OK);
    REQUIRE(a.wait([&] { return a.chunks.size() == kChunks; }));
  }
  void claim(BusEngine& engine, uint64_t& claim) {
    baton_slot slots[kChunks];
    uint32_t claimed = 0;
    REQUIRE(baton_claim(engine.client(), nullptr, chain.keys().data(), kChunks, slots, &claimed, &claim) == BATON_OK);
    REQUIRE(claimed == kChunks);
  }
  // How much of the chain is found once another chunk needed room.
  uint32_t held_after_one_more() {
    REQUIRE(a.at_baseline());
    REQUIRE(keeper.keep(Prompt(2, 1)) == BATON_OK);
    uint32_t held = 0;
    CHECK(baton_lookup(keeper.client(), chain.keys().data(), kChunks, &held) == BATON_OK);
    CHECK(a.bus->counters().arena.evictions == 1);
    return held;
  }

  BusFolder folder;
  BusNode a{bus_options(folder, "a", 1 << 20)};
  BusEngine keeper{folder.file("a.sock"), "keeper"};
  const Prompt chain{1, kChunks};
};

}  // namespace

TEST_CASE("a chain that was claimed and released gives way from its end") {
  Full f;
  uint64_t claim = 0;
  f.claim(f.keeper, claim);
  REQUIRE(baton_release(f.keeper.client(), claim) == BATON_OK);
  CHECK(f.held_after_one_more() == kChunks - 1);
}

TEST_CASE("a chain that was claimed by an engine that left gives way from its end") {
  Full f;
  auto engine = std::make_unique<BusEngine>(f.folder.file("a.sock"), "p");
  uint64_t claim = 0;
  f.claim(*engine, claim);
  engine.reset();
  CHECK(f.held_after_one_more() == kChunks - 1);
}

TEST_CASE("a chain that a ticket pinned gives way from its end after the ticket, granted or refused") {
  Full f;
  Prompt prompt(1, kChunks);
  SUBCASE("settled") {
    f.a.bus->open(prompt.open("keeper", "b", "p"));
    REQUIRE(f.a.granted(prompt.ticket).granted);
    f.a.bus->settle(prompt.ticket);
  }
  SUBCASE("refused at the target") {
    prompt = Prompt(1, kChunks + 1);
    f.a.bus->open(prompt.open("keeper", "b", "p"));
    REQUIRE_FALSE(f.a.granted(prompt.ticket).granted);
  }
  SUBCASE("refused at the source") {
    prompt = Prompt(1, kChunks + 1);
    f.a.bus->expect(prompt.expect("keeper", Granted{prompt.ticket, true, Reason::none,
                                                    std::vector<uint8_t>(kChunks + 1, 1), 5, 0, 't'}, "b", 1));
    REQUIRE_FALSE(f.a.granted(prompt.ticket).granted);
  }
  CHECK(f.held_after_one_more() == kChunks - 1);
}
