// How tickets end before they have landed: both ends hear of it, engines are told, and everything is at baseline again.
#include "support/bus_pair.h"

using namespace baton;
using namespace baton::test;

namespace {

// A ticket of which some chunks have landed and one is half filled.
struct HalfWay {
  HalfWay() {
    n.reserve(prompt);
    std::vector<uint8_t> need;
    REQUIRE(n.p->accept(prompt, need) == BATON_OK);
    for (uint32_t i = 0; i < 3; ++i) {
      REQUIRE(n.p->begin(prompt, i, slot) == BATON_OK);
      for (uint32_t l = 0; l < (i < 2 ? kTestGeometry.layers : 2); ++l) n.p->fill_layer(prompt, slot, l);
    }
    REQUIRE(n.b.wait([&] { return n.b.view(prompt.ticket).chunks_landed == 2; }));
  }
  // Both have ended; the half-filled slot is free once its engine has let go of it.
  void check_over(Reason at_source, Reason at_target) {
    CHECK(n.a.view(prompt.ticket).reason == at_source);
    CHECK(n.b.view(prompt.ticket).reason == at_target);
    CHECK(n.b.view(prompt.ticket).chunks_landed == 2);
    CHECK(n.d->poll_until_landed(prompt) == BATON_ERR_ENDED);
    CHECK(n.b.at_baseline());
    baton_fill_abort(n.p->client(), &slot);
    CHECK(n.a.at_baseline());
    uint32_t held = 0, right = 0;
    CHECK(baton_lookup(n.d->client(), prompt.keys().data(), 4, &held) == BATON_OK);
    CHECK(held == 2);
    CHECK(n.d->load(prompt, false, right) == BATON_OK);
    CHECK(right == 2);
  }

  BusPair n;
  const Prompt prompt{1, 4};
  baton_slot slot{};
};

}  // namespace

TEST_CASE("a ticket aborted at the target fails at the source, and what landed stays") {
  HalfWay h;
  h.n.b.bus->abort(h.prompt.ticket, Reason::stopping);
  REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::aborted));
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::failed));
  h.check_over(Reason::stopping, Reason::stopping);
}

TEST_CASE("a ticket aborted at the source fails at the target, and what landed stays") {
  HalfWay h;
  h.n.a.bus->abort(h.prompt.ticket, Reason::none);
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::aborted));
  REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::failed));
  h.check_over(Reason::none, Reason::peer_failed);
}

TEST_CASE("a lease that runs out at either end expires natively and fails the other end") {
  HalfWay h;
  SUBCASE("at the target") {
    h.n.b.bus->renew(h.prompt.ticket, 20);
    REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::expired));
    REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::failed));
    h.check_over(Reason::peer_failed, Reason::none);
  }
  SUBCASE("at the source") {
    h.n.a.bus->renew(h.prompt.ticket, 20);
    REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::expired));
    REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::failed));
    h.check_over(Reason::none, Reason::peer_failed);
  }
}

TEST_CASE("a lease that is renewed does not run out, and landed chunks are pinned until then") {
  BusPair n;
  const Prompt prompt(1, 2);
  OpenTicket open = prompt.open("d", "a", "p");
  open.lease_ms = 60'000;
  n.b.bus->open(open);
  REQUIRE(n.expect(prompt, n.b.granted(prompt.ticket)).granted);
  REQUIRE(n.p->prefill(prompt) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  CHECK(n.b.bus->counters().arena.pins == 2);
  n.b.bus->renew(prompt.ticket, 30);
  n.b.bus->renew(prompt.ticket, 60'000);
  const Prompt other(2, 1);  // one that runs out meanwhile shows that time has passed
  open = other.open("d", "a", "p");
  open.lease_ms = 60;
  n.b.bus->open(open);
  REQUIRE(n.b.wait_state(other.ticket, TicketState::expired));
  CHECK(n.b.view(prompt.ticket).state == TicketState::landed);
  n.b.bus->renew(prompt.ticket, 10);
  CHECK(n.b.wait_state(prompt.ticket, TicketState::expired));
  CHECK(n.b.at_baseline());
}

TEST_CASE("a fill that its engine gives up fails the ticket on both ends") {
  HalfWay h;
  baton_fill_abort(h.n.p->client(), &h.slot);
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::failed));
  REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::failed));
  h.check_over(Reason::fill_aborted, Reason::fill_aborted);
}

TEST_CASE("an engine that detaches in the middle fails its tickets") {
  HalfWay h;
  h.n.p.reset();
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::failed));
  REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::failed));
  CHECK(h.n.b.view(h.prompt.ticket).reason == Reason::engine_gone);
  CHECK(h.n.a.at_baseline());
  CHECK(h.n.b.at_baseline());
}

TEST_CASE("an engine that does not know yet goes on filling: its slot is kept from others until its last layer, then freed") {
  HalfWay h;
  h.n.a.bus->abort(h.prompt.ticket, Reason::none);
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::aborted));
  CHECK(h.n.a.wait([&] { return h.n.a.bus->counters().arena.quiescing == 1; }));
  // Messages are taken in order: with the answer to a question everything before it has been heard.
  const auto heard = [&] {
    std::vector<uint8_t> need;
    return h.n.p->accept(h.prompt, need) == BATON_ERR_ENDED;
  };
  REQUIRE(heard());
  const uint64_t late = h.n.a.bus->counters().late_messages;
  h.n.p->fill_layer(h.prompt, h.slot, 2);
  REQUIRE(heard());
  CHECK(h.n.a.bus->counters().arena.quiescing == 1);
  h.n.p->fill_layer(h.prompt, h.slot, 3);
  CHECK(h.n.a.at_baseline());
  // Whatever it announces now is about a slot that is not its own any more.
  h.n.p->fill_layer(h.prompt, h.slot, 3);
  REQUIRE(heard());
  // More, if the lane's other end has yet to hear of the abort.
  CHECK(h.n.a.wait([&] { return h.n.a.bus->counters().late_messages >= late + 3; }));
  baton_slot next{};
  CHECK(h.n.p->begin(h.prompt, 3, next) == BATON_ERR_ENDED);
}

TEST_CASE("a source without a slot fails the ticket at once with source_full on both ends") {
  BusPair n(1 << 20);
  const Prompt prompt(1, 24);
  n.reserve(prompt);
  std::vector<baton_slot> slots;
  int code = BATON_OK;
  for (uint32_t i = 0; i < 24 && code == BATON_OK; ++i) {
    baton_slot slot{};
    code = n.p->begin(prompt, i, slot);  // never announced, so nothing can be acknowledged
    if (code == BATON_OK) slots.push_back(slot);
  }
  CHECK(code == BATON_ERR_FULL);
  REQUIRE(n.a.wait_state(prompt.ticket, TicketState::failed));
  REQUIRE(n.b.wait_state(prompt.ticket, TicketState::failed));
  CHECK(n.a.view(prompt.ticket).reason == Reason::source_full);
  CHECK(n.b.view(prompt.ticket).reason == Reason::source_full);
  for (const baton_slot& slot : slots) baton_fill_abort(n.p->client(), &slot);
  CHECK(n.a.at_baseline());
  CHECK(n.b.at_baseline());
}

TEST_CASE("a target that settles before everything landed needs no more: the source settles too") {
  HalfWay h;
  h.n.b.bus->settle(h.prompt.ticket);
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::settled));
  h.check_over(Reason::none, Reason::none);
}

TEST_CASE("a peer that nobody listens for is given up within the bounded number of tries") {
  BusFolder folder;
  BusOptions options = bus_options(folder, "a");
  options.lane_connect_ms = 100;
  BusNode a(options);
  BusEngine p(folder.file("a.sock"), "p");
  const Prompt prompt(1, 2);
  uint16_t port;
  {
    BusNode b(bus_options(folder, "b"));
    port = b.bus->lane_port();
  }
  a.bus->expect(prompt.expect("p", Granted{prompt.ticket, true, Reason::none, {1, 1}, 5, 0, 't'}, "b", port));
  REQUIRE(a.granted(prompt.ticket).granted);
  CHECK(a.wait_state(prompt.ticket, TicketState::failed));
  CHECK(a.view(prompt.ticket).reason == Reason::lane_lost);
  CHECK(a.at_baseline());
}

TEST_CASE("a node that proves another key is refused, and its tickets end with that reason") {
  BusFolder folder;
  BusOptions one = bus_options(folder, "a"), two = bus_options(folder, "b");
  one.cluster_keys = {std::vector<uint8_t>(32, 1)};
  two.cluster_keys = {std::vector<uint8_t>(32, 2)};
  BusNode a(one), b(two);
  BusEngine p(folder.file("a.sock"), "p"), d(folder.file("b.sock"), "d");
  const Prompt prompt(1, 2);
  b.bus->open(prompt.open("d", "a", "p"));
  a.bus->expect(prompt.expect("p", b.granted(prompt.ticket), "b", b.bus->lane_port()));
  CHECK(a.wait_state(prompt.ticket, TicketState::failed));
  CHECK(a.view(prompt.ticket).reason == Reason::lane_refused);
  CHECK(a.bus->counters().lane_hello_refused == 1);
  b.bus->abort(prompt.ticket, Reason::none);
  CHECK(a.at_baseline());
  CHECK(b.at_baseline());
}

TEST_CASE("a bus that stops in mid-stream fails what lives on it, and its peer's ticket") {
  HalfWay h;
  h.n.b.bus->stop();
  REQUIRE(h.n.b.wait_state(h.prompt.ticket, TicketState::failed));
  CHECK(h.n.b.view(h.prompt.ticket).reason == Reason::stopping);
  REQUIRE(h.n.a.wait_state(h.prompt.ticket, TicketState::failed));
  CHECK(h.n.a.view(h.prompt.ticket).reason == Reason::stopping);
  h.n.b.bus->stop();
  CHECK(baton_ticket_poll(h.n.d->client(), h.prompt.ticket.data()) < 0);
}
