// A session that ends while its engine lives on: whatever the engine may still write or read there is nobody else's
// until its end of the session is closed (invariant 3).
#include <algorithm>
#include <thread>

#include "session/client.h"
#include "support/bus_pair.h"
#include "support/forked.h"

using namespace baton;
using namespace baton::test;

namespace {

constexpr uint64_t kArena = 1 << 20;  // seven whole chunks

session::Client::Attachment attach(const std::string& socket, const std::string& name = "p") {
  return session::Client::attach(
      socket, {BATON_ABI_VERSION, ::getpid(), name, test_namespace(), kTestGeometry}, 20'000);
}

session::Slot begin(session::Client& client, const Prompt& prompt, uint32_t chunk) {
  session::Slot slot{};
  const Chunk& c = prompt.chunks[chunk];
  REQUIRE(client.fill({TicketId{}, false, c.key, chunk, c.tokens}, slot) == BATON_OK);
  return slot;
}

// A second attach in one session is malformed: the service ends it.
void send_malformed(session::Client& client) {
  client.post(session::Attach{BATON_ABI_VERSION, ::getpid(), "p", test_namespace(), kTestGeometry});
}

bool wait_cut(BusNode& node, size_t sessions_left = 0) {
  return node.wait([&] {
    const BusCounters c = node.bus->counters();
    return c.session_malformed > 0 && c.sessions_up == sessions_left;
  });
}

uint32_t quiescing(BusNode& node) { return node.bus->counters().arena.quiescing; }

// Everything that another engine can get now.
std::vector<uint64_t> all_offsets(BusEngine& engine) {
  const Prompt prompt(77, 20);
  std::vector<uint64_t> offsets;
  baton_slot slot{};
  for (uint32_t i = 0; i < 20 && engine.begin(prompt, i, slot, false) == BATON_OK; ++i) offsets.push_back(slot.offset);
  return offsets;
}

bool contains(const std::vector<uint64_t>& offsets, uint64_t offset) {
  return std::find(offsets.begin(), offsets.end(), offset) != offsets.end();
}

}  // namespace

TEST_CASE("slots of an engine that lives on after its session was cut are nobody else's until its process is gone") {
  BusFolder folder;
  const Prompt prompt(1, 1);
  Forked engine([&](int pipe) {
    hear(pipe);
    auto p = attach(folder.file("a.sock"));
    session::Slot slot{};
    if (!p.client || p.client->fill({TicketId{}, false, prompt.chunks[0].key, 0, 64}, slot) != BATON_OK) ::_exit(6);
    send_malformed(*p.client);
    say(pipe);
    ::pause();
  });
  BusNode a(bus_options(folder, "a", kArena));
  engine.say();
  REQUIRE(engine.hear());
  REQUIRE(wait_cut(a));
  CHECK(quiescing(a) == 1);
  {
    BusEngine other(folder.file("a.sock"), "other");
    const size_t rest = all_offsets(other).size();
    CHECK(quiescing(a) == 1);
    engine.kill();
    REQUIRE(a.wait([&] { return quiescing(a) == 0; }));
    baton_slot slot{};
    CHECK(rest > 0);
    CHECK(other.begin(Prompt(78, 1), 0, slot, false) == BATON_OK);
  }
  CHECK(a.at_baseline());
}

TEST_CASE("slots of an engine whose session was cut are free once it lets go of the session, and not before") {
  BusFolder folder;
  BusNode a(bus_options(folder, "a", kArena));
  auto p = attach(folder.file("a.sock"));
  REQUIRE(p.client);
  const session::Slot slot = begin(*p.client, Prompt(1, 2), 0);
  begin(*p.client, Prompt(1, 2), 1);
  send_malformed(*p.client);
  REQUIRE(wait_cut(a));
  CHECK(quiescing(a) == 2);
  while (p.client->alive()) std::this_thread::yield();  // it hears of it
  CHECK(quiescing(a) == 2);
  {
    // Its name is free at once: an engine may attach again before it has let go of what it had.
    BusEngine again(folder.file("a.sock"), "p");
    REQUIRE(again.status() == BATON_OK);
    CHECK_FALSE(contains(all_offsets(again), slot.offset));
    p.client.reset();
    REQUIRE(a.wait([&] { return quiescing(a) == 0; }));
  }
  CHECK(a.at_baseline());
}

TEST_CASE("a ticket of a cut session fails at once, and its slots wait") {
  BusPair n;
  const Prompt prompt(2, 2);
  n.p.reset();
  // Its name is free once the service has heard of that.
  REQUIRE(n.a.wait([&] { return n.a.bus->counters().sessions_up == 0; }));
  auto p = attach(n.folder.file("a.sock"));
  REQUIRE(p.client);
  n.reserve(prompt);
  session::Slot slot{};
  REQUIRE(p.client->fill({prompt.ticket, true, prompt.chunks[0].key, 0, 64}, slot) == BATON_OK);
  send_malformed(*p.client);
  REQUIRE(n.a.wait_state(prompt.ticket, TicketState::failed));
  CHECK(n.a.view(prompt.ticket).reason == Reason::engine_gone);
  REQUIRE(n.b.wait_state(prompt.ticket, TicketState::failed));
  REQUIRE(wait_cut(n.a));
  CHECK(quiescing(n.a) == 1);
  p.client.reset();
  CHECK(n.a.at_baseline());
  CHECK(n.b.at_baseline());
}

TEST_CASE("chunks that a cut session had claimed stay pinned until its engine lets go of it") {
  BusFolder folder;
  BusNode a(bus_options(folder, "a", kArena));
  const Prompt prompt(3, 2);
  BusEngine keeper(folder.file("a.sock"), "keeper");
  REQUIRE(keeper.keep(prompt) == BATON_OK);
  REQUIRE(a.wait([&] { return a.chunks.size() == 2; }));
  auto p = attach(folder.file("a.sock"));
  REQUIRE(p.client);
  session::Claimed claimed{};
  REQUIRE(p.client->claim({TicketId{}, false, {prompt.chunks[0].key, prompt.chunks[1].key}}, claimed) == BATON_OK);
  REQUIRE(claimed.slots.size() == 2);
  send_malformed(*p.client);
  REQUIRE(wait_cut(a, 1));
  CHECK(a.bus->counters().arena.pins == 2);
  p.client.reset();
  CHECK(a.at_baseline());
}

TEST_CASE("a service that stops leaves the slots of a living engine to it, also on behalf of its successor") {
  BusFolder folder;
  Forked engine([&](int pipe) {
    hear(pipe);
    auto p = attach(folder.file("a.sock"));
    session::Slot slot{};
    if (!p.client || p.client->fill({TicketId{}, false, Prompt(1, 1).chunks[0].key, 0, 64}, slot) != BATON_OK) {
      ::_exit(6);
    }
    say(pipe);
    ::pause();
  });
  {
    BusNode a(bus_options(folder, "a", kArena));
    engine.say();
    REQUIRE(engine.hear());
    a.bus->stop();
  }
  BusNode next(bus_options(folder, "a", kArena));
  CHECK(quiescing(next) == 1);
  engine.kill();
  // Nobody reserves anything: the service notices by itself.
  CHECK(next.at_baseline());
}

TEST_CASE("a slot freed because its engine's process is gone is another's, also when the session ends only later") {
  BusFolder folder;
  Forked engine([&](int pipe) {
    hear(pipe);
    auto p = attach(folder.file("a.sock"));
    session::Slot slot{};
    if (!p.client || p.client->fill({TicketId{}, false, Prompt(1, 1).chunks[0].key, 0, 64}, slot) != BATON_OK) {
      ::_exit(6);
    }
    if (::fork() == 0) {  // holds the session's socket until the test lets go
      char byte;
      ::_exit(::read(pipe, &byte, 1) == 1 ? 7 : 0);
    }
    send_malformed(*p.client);
    say(pipe);
    ::pause();
  });
  BusNode a(bus_options(folder, "a", kArena));
  engine.say();
  REQUIRE(engine.hear());
  REQUIRE(wait_cut(a));
  CHECK(quiescing(a) == 1);
  engine.kill();
  REQUIRE(a.wait([&] { return quiescing(a) == 0; }));
  const Prompt prompt(5, 7);  // all of the arena
  BusEngine other(folder.file("a.sock"), "other");
  REQUIRE(other.keep(prompt) == BATON_OK);
  CHECK(a.wait([&] { return a.chunks.size() == 7; }));
  engine.let_go();
  uint32_t right = 0;
  CHECK(other.load(prompt, false, right) == BATON_OK);
  CHECK(right == 7);
  CHECK(a.at_baseline());
}
