#include "support/bus_pair.h"

using namespace baton;
using namespace baton::test;

namespace {

Prompt with_ticket(const Prompt& prompt, const TicketId& ticket) {
  Prompt copy = prompt;
  copy.ticket = ticket;
  return copy;
}

}  // namespace

TEST_CASE("a target without room refuses at once and says what is free; nothing stays reserved") {
  BusPair n(32 << 20, 2 << 20);
  const Prompt first(1, 7), second(2, 7);
  BusOptions whole = bus_options(n.folder, "c", 2 << 20);
  whole.ticket_share_max = 1.0;
  BusNode c(whole);
  BusEngine d(n.folder.file("c.sock"), "d");
  c.bus->open(first.open("d", "a", "p"));
  REQUIRE(c.granted(first.ticket).granted);
  const Prompt third(3, 12);
  c.bus->open(third.open("d", "a", "p"));
  const Granted refused = c.granted(third.ticket);
  CHECK_FALSE(refused.granted);
  CHECK(refused.reason == Reason::target_full);
  CHECK(refused.free_bytes == (2u << 20) - c.bus->counters().arena.bytes_pinned);
  c.bus->abort(first.ticket, Reason::none);
  CHECK(c.at_baseline());
  CHECK(c.bus->counters().tickets_refused == 1);
  CHECK(c.bus->counters().arena.bytes_used == 0);
}

TEST_CASE("a prompt larger than one ticket's share is too large, however empty the arena is") {
  BusPair n(32 << 20, 2 << 20);  // share: half
  const Prompt large(1, 9);      // more than 1 MiB
  const Granted refused = n.open(large);
  CHECK_FALSE(refused.granted);
  CHECK(refused.reason == Reason::too_large);
  CHECK(n.open(Prompt(1, 7)).granted);
}

TEST_CASE("tickets for engines that are not attached are refused") {
  BusPair n;
  const Prompt prompt(1, 1);
  n.b.bus->open(prompt.open("nobody", "a", "p"));
  CHECK(n.b.granted(prompt.ticket).reason == Reason::no_attachment);
  const Prompt other(1, 1);
  n.a.bus->expect(other.expect("d", Granted{other.ticket, true, Reason::none, {1}, 1, 0, 't'}, "b", 1));
  CHECK(n.a.granted(other.ticket).reason == Reason::no_attachment);
  // On a shared arena both engines are needed.
  const Prompt shared(1, 1);
  n.b.bus->open(shared.open("d", "b", "p"));
  CHECK(n.b.granted(shared.ticket).reason == Reason::no_attachment);
}

TEST_CASE("a ticket that lives or has ended is not opened again") {
  BusPair n;
  const Prompt prompt(1, 2);
  REQUIRE(n.open(prompt).granted);
  n.b.bus->open(prompt.open("d", "a", "p"));
  REQUIRE(n.b.wait([&] { return n.b.bus->counters().tickets_refused == 1; }));
  CHECK(n.b.granted(prompt.ticket).reason == Reason::duplicate_ticket);
  n.b.bus->abort(prompt.ticket, Reason::none);
  CHECK(n.b.wait_state(prompt.ticket, TicketState::aborted));
  n.b.bus->open(prompt.open("d", "a", "p"));
  CHECK(n.b.wait([&] { return n.b.bus->counters().tickets_refused == 2; }));
  CHECK(n.b.at_baseline());
}

TEST_CASE("requests that make no sense are malformed") {
  BusPair n;
  const Prompt prompt(1, 2);
  OpenTicket open = prompt.open("d", "a", "p");
  open.chunks.clear();
  n.b.bus->open(open);
  CHECK(n.b.granted(prompt.ticket).reason == Reason::malformed);
  for (const uint32_t tokens : {0u, 65u}) {
    const Prompt other(1, 2);
    open = other.open("d", "a", "p");
    open.chunks[1].tokens = tokens;
    n.b.bus->open(open);
    CHECK(n.b.granted(other.ticket).reason == Reason::malformed);
  }
  const Prompt third(1, 2);
  ExpectTicket expect = third.expect("p", Granted{}, "b", 1);
  n.a.bus->expect(expect);
  CHECK(n.a.granted(third.ticket).reason == Reason::malformed);
  CHECK(n.a.at_baseline());
  CHECK(n.b.at_baseline());
}

TEST_CASE("a service that drains refuses new tickets and finishes those it has") {
  BusPair n;
  const Prompt prompt(1, 2), late(2, 2);
  n.reserve(prompt);
  n.b.bus->refuse_new();
  CHECK(n.open(late).reason == Reason::stopping);
  REQUIRE(n.p->prefill(prompt) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  n.settle_and_check_baseline(prompt);
}

TEST_CASE("unknown, foreign and ended tickets are refused to engines and counted") {
  BusPair n;
  BusEngine stranger(n.folder.file("a.sock"), "stranger"), other(n.folder.file("b.sock"), "other");
  const Prompt prompt(1, 2), unknown(9, 2);
  n.reserve(prompt);
  std::vector<uint8_t> need;
  baton_slot slot{};
  CHECK(n.p->accept(unknown, need) == BATON_ERR_UNKNOWN);
  CHECK(n.p->begin(unknown, 0, slot) == BATON_ERR_UNKNOWN);
  CHECK(n.d->poll_until_landed(unknown) == BATON_ERR_UNKNOWN);
  CHECK(stranger.accept(prompt, need) == BATON_ERR_FOREIGN);
  CHECK(stranger.begin(prompt, 0, slot) == BATON_ERR_FOREIGN);
  CHECK(other.poll_until_landed(prompt) == BATON_ERR_FOREIGN);
  uint32_t right = 0;
  CHECK(other.load(prompt, true, right) == BATON_ERR_FOREIGN);
  CHECK(n.a.bus->counters().refused_unknown == 2);
  CHECK(n.a.bus->counters().refused_foreign == 2);
  CHECK(n.b.bus->counters().refused_unknown == 1);
  CHECK(n.b.bus->counters().refused_foreign == 2);
  n.b.bus->abort(prompt.ticket, Reason::none);
  REQUIRE(n.a.wait_state(prompt.ticket, TicketState::failed));
  CHECK(n.p->accept(prompt, need) == BATON_ERR_ENDED);
  CHECK(n.p->begin(prompt, 0, slot) == BATON_ERR_ENDED);
  CHECK(n.d->poll_until_landed(prompt) == BATON_ERR_ENDED);
  CHECK(n.a.bus->counters().refused_ended == 2);
}

TEST_CASE("an engine that derives other keys fails the ticket on both ends before the first gather") {
  for (int what = 0; what < 4; ++what) {
    CAPTURE(what);
    BusPair n;
    const Prompt prompt(1, 3, 10);
    n.reserve(prompt);
    Prompt wrong = with_ticket(prompt, prompt.ticket);
    if (what == 0) wrong.chunks.back().key[0] ^= 1;
    if (what == 1) wrong.chunks.pop_back();
    if (what == 2) wrong.chunks.back().tokens += 1;
    if (what == 3) wrong.chunks[1].key[5] ^= 1;  // not seen by accept, which compares the last
    std::vector<uint8_t> need;
    baton_slot slot{};
    if (what == 3) {
      CHECK(n.p->accept(wrong, need) == BATON_OK);
      CHECK(n.p->begin(wrong, 1, slot) == BATON_ERR_MISMATCH);
    } else {
      CHECK(n.p->accept(wrong, need) == BATON_ERR_MISMATCH);
    }
    REQUIRE(n.a.wait_state(prompt.ticket, TicketState::failed));
    REQUIRE(n.b.wait_state(prompt.ticket, TicketState::failed));
    CHECK(n.a.view(prompt.ticket).reason == Reason::key_mismatch);
    CHECK(n.b.view(prompt.ticket).reason == Reason::key_mismatch);
    CHECK(n.a.at_baseline());
    CHECK(n.b.at_baseline());
  }
}

TEST_CASE("names and geometries that collide are refused at attach") {
  BusPair n;
  BusEngine twin(n.folder.file("a.sock"), "p");
  CHECK(twin.status() == BATON_ERR_NAME_TAKEN);
  Geometry halved = kTestGeometry;
  halved.chunk_tokens /= 2;
  BusEngine other(n.folder.file("a.sock"), "other", halved);
  CHECK(other.status() == BATON_ERR_GEOMETRY);
  CHECK(other.error().find("p has " + kTestGeometry.text()) != std::string::npos);
  CHECK(other.error().find("other has " + halved.text()) != std::string::npos);
  n.p.reset();
  CHECK(n.a.wait([&] { return n.a.attachments.size() == 2; }));
  BusEngine again(n.folder.file("a.sock"), "p");
  CHECK(again.status() == BATON_OK);
}
