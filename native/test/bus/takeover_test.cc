// A service ends while an engine is in the middle of a fill, and its next life finds that engine alive: the slot is nobody
// else's until the engine's process can write there no more, and then it comes back (invariants 3 and 4).
#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>

#include "capi/client.h"
#include "support/bus_child.h"
#include "support/bus_pair.h"

using namespace baton;
using namespace baton::test;

int main(int argc, char** argv) {
  int status = 0;
  if (run_as_child(argc, argv, status)) return status;
  return doctest::Context(argc, argv).run();
}

namespace {

uint32_t quiescing(BusNode& node) { return node.bus->counters().arena.quiescing; }

// Begins a fill and leaves it half done.
void begin(BusEngine& engine, uint32_t seed) {
  const Prompt prompt(seed, 1);
  baton_slot slot{};
  REQUIRE(engine.begin(prompt, 0, slot, false) == BATON_OK);
  engine.fill_layer(prompt, slot, 0);
}

}  // namespace

TEST_CASE("a slot half filled in an earlier life of the service is free once no client of that life is left in its process") {
  BusFolder folder;
  const BusOptions options = bus_options(folder, "a");
  auto first = std::make_unique<BusNode>(options);
  auto early = std::make_unique<BusEngine>(folder.file("a.sock"), "p");
  auto other = std::make_unique<BusEngine>(folder.file("a.sock"), "q");
  begin(*early, 1);
  first.reset();

  BusNode second(options);
  CHECK(quiescing(second) == 1);
  auto late = std::make_unique<BusEngine>(folder.file("a.sock"), "p");
  REQUIRE(late->status() == BATON_OK);
  begin(*late, 2);  // answered after what the attach has said
  CHECK(quiescing(second) == 1);
  early.reset();
  begin(*late, 3);
  CHECK(quiescing(second) == 1);  // `other` may not write there, but this process cannot tell the service apart by client
  other.reset();
  CHECK(second.wait([&] { return quiescing(second) == 0; }));

  // What the new life gave and was not finished is its own business: it ends with its session.
  late.reset();
  CHECK(second.at_baseline());
}

TEST_CASE("an engine that has let go before it attaches again frees what it left at once") {
  BusFolder folder;
  const BusOptions options = bus_options(folder, "a");
  auto first = std::make_unique<BusNode>(options);
  auto early = std::make_unique<BusEngine>(folder.file("a.sock"), "p");
  begin(*early, 1);
  first.reset();
  early.reset();
  BusNode second(options);
  CHECK(quiescing(second) == 1);
  const BusEngine late(folder.file("a.sock"), "p");
  REQUIRE(late.status() == BATON_OK);
  CHECK(second.wait([&] { return quiescing(second) == 0; }));
}

TEST_CASE("another process's word frees nothing of this one") {
  BusFolder folder;
  const BusOptions options = bus_options(folder, "a");
  auto first = std::make_unique<BusNode>(options);
  BusEngine early(folder.file("a.sock"), "p");
  begin(early, 1);
  first.reset();
  BusNode second(options);
  {
    BusChild child("engine", folder.path());
    REQUIRE(second.wait([&] { return second.attachments.size() == 1; }));
    CHECK(quiescing(second) == 1);
    child.kill_and_wait();
  }
  CHECK(quiescing(second) == 1);
}

TEST_CASE("a process whose newest client was cut off says so through another one") {
  BusFolder folder;
  const BusOptions options = bus_options(folder, "a");
  auto first = std::make_unique<BusNode>(options);
  auto early = std::make_unique<BusEngine>(folder.file("a.sock"), "p");
  begin(*early, 1);
  first.reset();
  BusNode second(options);
  BusEngine cut(folder.file("a.sock"), "q"), other(folder.file("a.sock"), "r");
  // A second attach in one session is malformed: the service reads nothing more of it.
  cut.client()->session->post(session::Attach{BATON_ABI_VERSION, ::getpid(), "q", test_namespace(), kTestGeometry});
  REQUIRE(second.wait([&] { return second.bus->counters().sessions_up == 1; }));
  CHECK(quiescing(second) == 1);
  early.reset();
  CHECK(second.wait([&] { return quiescing(second) == 0; }));
}
