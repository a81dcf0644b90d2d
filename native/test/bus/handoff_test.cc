#include <doctest/doctest.h>

#include "support/bus_pair.h"

using namespace baton;
using namespace baton::test;

TEST_CASE("a prompt's chunks cross from the prefill node to the decode node, byte for byte") {
  BusPair n;
  const Prompt prompt(1, 5, 23);
  const Granted opened = n.open(prompt);
  REQUIRE(opened.granted);
  CHECK(opened.need == std::vector<uint8_t>(5, 1));
  CHECK(opened.role == 't');
  const Granted expected = n.expect(prompt, opened);
  REQUIRE(expected.granted);
  CHECK(expected.role == 's');
  CHECK(baton_ticket_poll(n.d->client(), prompt.ticket.data()) == BATON_LANDING);
  REQUIRE(n.p->prefill(prompt) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  uint32_t right = 0;
  REQUIRE(n.d->load(prompt, true, right) == BATON_OK);
  CHECK(right == 5);
  n.settle_and_check_baseline(prompt);

  const TicketView source = n.a.view(prompt.ticket), target = n.b.view(prompt.ticket);
  uint64_t bytes = 0;
  for (const Chunk& c : prompt.chunks) bytes += kTestGeometry.payload_bytes(c.tokens);
  CHECK(source.bytes_out == bytes);
  CHECK(target.bytes_in == bytes);
  CHECK(source.runs_resent == 0);
  CHECK(target.claims == 1);
  CHECK(source.peer == "b");
  CHECK(target.peer == "a");
}

TEST_CASE("each layer is stamped where it happens, in the order in which it happens") {
  BusPair n;
  const Prompt prompt(2, 3);
  n.reserve(prompt);
  REQUIRE(n.p->prefill(prompt) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  uint32_t right = 0;
  REQUIRE(n.d->load(prompt, true, right) == BATON_OK);
  n.settle_and_check_baseline(prompt);
  const TicketView source = n.a.view(prompt.ticket), target = n.b.view(prompt.ticket);
  REQUIRE(source.layers.size() == kTestGeometry.layers);
  REQUIRE(target.layers.size() == kTestGeometry.layers);
  for (uint32_t l = 0; l < kTestGeometry.layers; ++l) {
    // One machine, one monotonic clock: the two nodes' stamps can be compared directly.
    CHECK(source.layers[l].computed_first_ns > 0);
    CHECK(source.layers[l].computed_first_ns <= source.layers[l].computed_ns);
    CHECK(source.layers[l].computed_first_ns <= source.layers[l].out_ns);
    CHECK(source.layers[l].out_ns <= target.layers[l].landed_ns);
    CHECK(source.layers[l].computed_ns <= target.layers[l].landed_ns);
    CHECK(target.layers[l].landed_ns <= target.layers[l].scattered_ns);
    CHECK(source.layers[l].landed_ns == 0);
    CHECK(target.layers[l].out_ns == 0);
  }
}

TEST_CASE("layers leave the source while later ones are not computed yet") {
  BusPair n;
  const Prompt prompt(3, 1);
  n.reserve(prompt);
  std::vector<uint8_t> need;
  REQUIRE(n.p->accept(prompt, need) == BATON_OK);
  baton_slot slot{};
  REQUIRE(n.p->begin(prompt, 0, slot) == BATON_OK);
  n.p->fill_layer(prompt, slot, 0);
  CHECK(n.b.wait([&] { return n.b.bus->counters().lane_bytes_in >= kTestGeometry.payload_bytes(64) / 4; }));
  CHECK(n.b.wait_state(prompt.ticket, TicketState::streaming));
  CHECK(n.a.wait_state(prompt.ticket, TicketState::streaming));
  for (uint32_t l = 1; l < kTestGeometry.layers; ++l) n.p->fill_layer(prompt, slot, l);
  CHECK(n.d->poll_until_landed(prompt) == BATON_OK);
  n.settle_and_check_baseline(prompt);
}

TEST_CASE("what the target holds is neither gathered nor sent again") {
  BusPair n;
  const Prompt first(4, 3), longer(4, 5);
  n.reserve(first);
  REQUIRE(n.p->prefill(first) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(first) == BATON_OK);
  n.settle_and_check_baseline(first);

  const Granted opened = n.open(longer);
  CHECK(opened.need == std::vector<uint8_t>{0, 0, 0, 1, 1});
  REQUIRE(n.expect(longer, opened).granted);
  std::vector<uint8_t> need;
  REQUIRE(n.p->accept(longer, need) == BATON_OK);
  CHECK(need == std::vector<uint8_t>{0, 0, 0, 1, 1});
  REQUIRE(n.p->prefill(longer) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(longer) == BATON_OK);
  uint32_t right = 0;
  REQUIRE(n.d->load(longer, true, right) == BATON_OK);
  CHECK(right == 5);
  n.settle_and_check_baseline(longer);
  CHECK(n.a.view(longer.ticket).bytes_out == 2 * kTestGeometry.payload_bytes(64));
}

TEST_CASE("what the source's arena holds streams at once, without its engine") {
  BusPair n;
  const Prompt prompt(5, 4);
  REQUIRE(n.p->keep(prompt) == BATON_OK);
  REQUIRE(n.a.wait([&] { return n.a.chunks.size() == 4; }));
  const Granted opened = n.open(prompt);
  const Granted expected = n.expect(prompt, opened);
  REQUIRE(expected.granted);
  CHECK(expected.need == std::vector<uint8_t>(4, 0));
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  CHECK(n.a.wait_state(prompt.ticket, TicketState::settled));
  // The leg comes late, and is told that nothing is left to do.
  std::vector<uint8_t> need;
  CHECK(n.p->accept(prompt, need) == BATON_OK);
  CHECK(need == std::vector<uint8_t>(4, 0));
  uint32_t right = 0;
  REQUIRE(n.d->load(prompt, true, right) == BATON_OK);
  CHECK(right == 4);
  n.settle_and_check_baseline(prompt);
}

TEST_CASE("a ticket of which the target holds everything lands at once") {
  BusPair n;
  const Prompt first(6, 2), again(6, 2);
  n.reserve(first);
  REQUIRE(n.p->prefill(first) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(first) == BATON_OK);
  n.settle_and_check_baseline(first);
  const Granted opened = n.open(again);
  CHECK(opened.need == std::vector<uint8_t>(2, 0));
  CHECK(n.b.wait_state(again.ticket, TicketState::landed));
  REQUIRE(n.expect(again, opened).granted);
  CHECK(n.a.wait_state(again.ticket, TicketState::settled));
  n.settle_and_check_baseline(again);
}

TEST_CASE("a source arena smaller than the prompt is a window that moves with the acknowledgements") {
  BusPair n(1 << 20);
  const Prompt prompt(7, 24);  // 3 MiB
  n.reserve(prompt);
  std::vector<uint8_t> need;
  REQUIRE(n.p->accept(prompt, need) == BATON_OK);
  for (uint32_t i = 0; i < 24; ++i) {
    // An engine's steps take time; here the next one begins when the chunk before last has been acknowledged.
    if (i >= 2) REQUIRE(n.a.wait([&] { return n.a.view(prompt.ticket).chunks_landed >= i - 1; }));
    baton_slot slot{};
    REQUIRE(n.p->begin(prompt, i, slot) == BATON_OK);
    for (uint32_t l = 0; l < kTestGeometry.layers; ++l) n.p->fill_layer(prompt, slot, l);
  }
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  uint32_t right = 0;
  REQUIRE(n.d->load(prompt, true, right) == BATON_OK);
  CHECK(right == 24);
  n.settle_and_check_baseline(prompt);
}

TEST_CASE("two prompts at once share the lane, and both arrive") {
  BusPair n;
  const Prompt one(8, 6), two(9, 6, 7);
  n.reserve(one);
  n.reserve(two);
  REQUIRE(n.p->prefill(one) == BATON_OK);
  REQUIRE(n.p->prefill(two) == BATON_OK);
  for (const Prompt* prompt : {&one, &two}) {
    REQUIRE(n.d->poll_until_landed(*prompt) == BATON_OK);
    uint32_t right = 0;
    REQUIRE(n.d->load(*prompt, true, right) == BATON_OK);
    CHECK(right == 6);
  }
  CHECK(n.a.bus->counters().lanes_up == 1);
  n.b.bus->settle(one.ticket);
  n.settle_and_check_baseline(two);
}

TEST_CASE("two tickets that fill the same chunk at once are two fills, and both are right") {
  BusPair n;
  const Prompt one(10, 1), two(10, 1);
  n.reserve(one);
  n.reserve(two);
  baton_slot first{}, second{};
  REQUIRE(n.p->begin(one, 0, first) == BATON_OK);
  REQUIRE(n.p->begin(two, 0, second) == BATON_OK);
  CHECK(first.offset != second.offset);
  for (uint32_t l = 0; l < kTestGeometry.layers; ++l) {
    n.p->fill_layer(one, first, l);
    n.p->fill_layer(two, second, l);
  }
  for (const Prompt* prompt : {&one, &two}) {
    REQUIRE(n.d->poll_until_landed(*prompt) == BATON_OK);
    uint32_t right = 0;
    REQUIRE(n.d->load(*prompt, true, right) == BATON_OK);
    CHECK(right == 1);
  }
  n.b.bus->settle(one.ticket);
  n.settle_and_check_baseline(two);
  CHECK(n.a.bus->counters().arena.double_seals == 1);
}

TEST_CASE("a chunk sealed since the ticket began is sent from the arena instead of gathered again") {
  BusPair n;
  const Prompt prompt(11, 2);
  n.reserve(prompt);
  REQUIRE(n.p->keep(prompt) == BATON_OK);
  REQUIRE(n.a.wait([&] { return n.a.chunks.size() == 2; }));
  baton_slot slot{};
  CHECK(n.p->begin(prompt, 0, slot) == BATON_HELD);
  CHECK(n.p->begin(prompt, 1, slot) == BATON_HELD);
  CHECK(n.d->poll_until_landed(prompt) == BATON_OK);
  n.settle_and_check_baseline(prompt);
}

TEST_CASE("on a shared arena the fill goes into the reservation itself and no lane is used") {
  BusFolder folder;
  BusNode a(bus_options(folder, "a"));
  BusEngine p(folder.file("a.sock"), "p"), d(folder.file("a.sock"), "d");
  const Prompt prompt(12, 3, 40);
  a.bus->open(prompt.open("d", "a", "p"));
  const Granted opened = a.granted(prompt.ticket);
  REQUIRE(opened.granted);
  CHECK(opened.role == 'b');
  const uint64_t used = a.bus->counters().arena.bytes_used;
  REQUIRE(p.prefill(prompt) == BATON_OK);
  REQUIRE(d.poll_until_landed(prompt) == BATON_OK);
  uint32_t right = 0;
  REQUIRE(d.load(prompt, true, right) == BATON_OK);
  CHECK(right == 3);
  CHECK(a.bus->counters().arena.bytes_used == used);
  CHECK(a.bus->counters().lane_bytes_out == 0);
  a.bus->settle(prompt.ticket);
  CHECK(a.wait_state(prompt.ticket, TicketState::settled));
  const TicketView view = a.view(prompt.ticket);
  CHECK(view.role == 'b');
  CHECK(view.chunks_landed == 3);
  for (const LayerStamps& l : view.layers) {
    CHECK(l.computed_ns > 0);
    CHECK(l.out_ns == 0);
    CHECK(l.landed_ns >= l.computed_first_ns);
    CHECK(l.scattered_ns >= l.landed_ns);
  }
  CHECK(a.at_baseline());
}
