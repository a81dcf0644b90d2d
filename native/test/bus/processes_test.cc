// Nodes and engines in processes of their own: bytes cross between them, and any of them may be stopped or killed.
#include <doctest/doctest.h>
#include <signal.h>

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

constexpr unsigned kSilenceMs = 400;

std::string line(const char* command, const char* prompt, const std::string& rest = "") {
  return std::string(command) + " " + prompt + " " + rest;
}

BusOptions quick(const BusFolder& folder, const char* node) {
  BusOptions options = bus_options(folder, node);
  options.lane_silence_ms = kSilenceMs;
  options.lane_connect_ms = kSilenceMs;
  return options;
}

void fill_some(BusEngine& engine, const Prompt& prompt, uint32_t chunks) {
  std::vector<uint8_t> need;
  REQUIRE(engine.accept(prompt, need) == BATON_OK);
  for (uint32_t i = 0; i < chunks; ++i) {
    baton_slot slot{};
    REQUIRE(engine.begin(prompt, i, slot) == BATON_OK);
    for (uint32_t l = 0; l < kTestGeometry.layers; ++l) engine.fill_layer(prompt, slot, l);
  }
}

}  // namespace

TEST_CASE("between two processes every byte of a prompt arrives, and both are at baseline afterwards") {
  BusFolder folder;
  BusChild target("target", folder.path()), source("source", folder.path());
  for (const char* prompt : {"1 7 501", "2 1 502", "1 9 503"}) {
    const std::string epoch = target.ask(line("open", prompt));
    REQUIRE(epoch != "0");
    // The third shares a prefix with the first, but says it needs all: what is there already is not written again.
    REQUIRE(source.ask(line("expect", prompt, epoch + " " + target.ask("port"))) == "1");
    const bool shares = std::string(prompt) == "1 9 503";
    if (!shares) {
      REQUIRE(source.ask(line("prefill", prompt)) == "0");
      CHECK(target.ask(line("load", prompt)) == std::string(1, prompt[2]));
      CHECK(target.ask(line("settle", prompt)) == std::to_string(static_cast<int>(TicketState::settled)));
      CHECK(source.ask(line("state", prompt)) == std::to_string(static_cast<int>(TicketState::settled)));
    } else {
      // Runs of chunks the target did not ask for are refused, and both ends fail.
      CHECK(source.ask(line("state", prompt)) == std::to_string(static_cast<int>(TicketState::failed)));
      CHECK(target.ask(line("state", prompt)) == std::to_string(static_cast<int>(TicketState::failed)));
    }
  }
  CHECK(target.ask("baseline") == "1");
  CHECK(source.ask("baseline") == "1");
}

TEST_CASE("an engine killed in the middle of a prompt fails its ticket on both ends; what landed stays and is not sent again") {
  BusFolder folder;
  BusNode a(bus_options(folder, "a")), b(bus_options(folder, "b"));
  BusEngine d(folder.file("b.sock"), "d");
  const Prompt prompt(3, 6, 0, 601);
  {
    BusChild engine("engine", folder.path());
    REQUIRE(a.wait([&] { return a.attachments.size() == 1; }));
    b.bus->open(prompt.open("d", "a", "p"));
    a.bus->expect(prompt.expect("p", b.granted(prompt.ticket), "b", b.bus->lane_port()));
    REQUIRE(a.granted(prompt.ticket).granted);
    REQUIRE(engine.ask("prefill-part 3 6 601 3") == "ok");
    REQUIRE(b.wait([&] { return b.view(prompt.ticket).chunks_landed == 3; }));
    engine.kill_and_wait();
  }
  REQUIRE(a.wait_state(prompt.ticket, TicketState::failed));
  REQUIRE(b.wait_state(prompt.ticket, TicketState::failed));
  CHECK(a.view(prompt.ticket).reason == Reason::engine_gone);
  CHECK(b.view(prompt.ticket).reason == Reason::engine_gone);
  CHECK(b.view(prompt.ticket).chunks_landed == 3);
  CHECK(a.at_baseline());
  CHECK(b.at_baseline());
  CHECK_FALSE(a.attachments.back().attached);

  // Another engine takes over; only the rest is computed and sent.
  BusEngine p(folder.file("a.sock"), "p");
  const Prompt again(3, 6);
  b.bus->open(again.open("d", "a", "p"));
  const Granted opened = b.granted(again.ticket);
  CHECK(opened.need == std::vector<uint8_t>{0, 0, 0, 1, 1, 1});
  a.bus->expect(again.expect("p", opened, "b", b.bus->lane_port()));
  REQUIRE(a.granted(again.ticket).granted);
  REQUIRE(p.prefill(again) == BATON_OK);
  REQUIRE(d.poll_until_landed(again) == BATON_OK);
  uint32_t right = 0;
  CHECK(d.load(again, true, right) == BATON_OK);
  CHECK(right == 6);
  CHECK(a.wait_state(again.ticket, TicketState::settled));
  CHECK(a.view(again.ticket).bytes_out == 3 * kTestGeometry.payload_bytes(64));
}

TEST_CASE("a decode engine that is killed releases its claims") {
  BusFolder folder;
  BusNode a(bus_options(folder, "a"));
  const Prompt prompt(4, 2, 0, 602);
  {
    BusChild engine("engine", folder.path());
    BusEngine keeper(folder.file("a.sock"), "keeper");
    REQUIRE(keeper.keep(prompt) == BATON_OK);
    REQUIRE(a.wait([&] { return a.chunks.size() == 2; }));
    baton_slot slots[2];
    uint32_t claimed = 0;
    uint64_t claim = 0;
    REQUIRE(baton_claim(keeper.client(), nullptr, prompt.keys().data(), 2, slots, &claimed, &claim) == BATON_OK);
    CHECK(claimed == 2);
    CHECK(a.bus->counters().arena.pins == 2);
    engine.kill_and_wait();
  }
  CHECK(a.at_baseline());
}

TEST_CASE("a target service that is stopped costs its tickets within the bound, and nobody else's") {
  BusFolder folder;
  BusNode a(quick(folder, "a"));
  BusEngine p(folder.file("a.sock"), "p"), other(folder.file("a.sock"), "d");
  BusChild target("target", folder.path(), kSilenceMs);
  const Prompt prompt(5, 4, 0, 603);
  Granted opened;
  opened.epoch = static_cast<uint32_t>(target.number("open 5 4 603"));
  opened.need.assign(4, 1);
  a.bus->expect(prompt.expect("p", opened, "b", static_cast<uint16_t>(target.number("port"))));
  REQUIRE(a.granted(prompt.ticket).granted);
  fill_some(p, prompt, 2);
  REQUIRE(a.wait([&] { return a.view(prompt.ticket).chunks_landed == 2; }));
  target.signal(SIGSTOP);
  // Another prompt on this node goes on meanwhile.
  const Prompt local(6, 3);
  a.bus->open(local.open("d", "a", "p"));
  REQUIRE(a.granted(local.ticket).granted);
  REQUIRE(p.prefill(local) == BATON_OK);
  CHECK(other.poll_until_landed(local) == BATON_OK);
  a.bus->settle(local.ticket);

  REQUIRE(a.wait_state(prompt.ticket, TicketState::failed));
  CHECK(a.view(prompt.ticket).reason == Reason::lane_lost);
  baton_slot slot{};
  CHECK(p.begin(prompt, 2, slot) == BATON_ERR_ENDED);
  CHECK(a.at_baseline());
  CHECK(a.bus->counters().lanes_up == 0);
  target.signal(SIGCONT);
  CHECK(target.ask("state 5 4 603") == std::to_string(static_cast<int>(TicketState::failed)));
  CHECK(target.ask("baseline") == "1");
}

TEST_CASE("a source service that is stopped or killed in mid-stream leaves the target with what landed, and at baseline") {
  BusFolder folder;
  BusNode b(quick(folder, "b"));
  BusEngine d(folder.file("b.sock"), "d");
  BusChild source("source", folder.path(), kSilenceMs);
  const Prompt prompt(7, 5, 0, 604);
  b.bus->open(prompt.open("d", "a", "p"));
  const Granted opened = b.granted(prompt.ticket);
  REQUIRE(opened.granted);
  const std::string rest = std::to_string(opened.epoch) + " " + std::to_string(b.bus->lane_port());
  REQUIRE(source.ask("expect 7 5 604 " + rest) == "1");
  REQUIRE(source.ask("prefill-part 7 5 604 2") == "ok");
  REQUIRE(b.wait([&] { return b.view(prompt.ticket).chunks_landed == 2; }));
  bool stop = false;
  SUBCASE("stopped") { stop = true; }
  SUBCASE("killed") {}
  if (stop) source.signal(SIGSTOP);
  else source.kill_and_wait();
  REQUIRE(b.wait_state(prompt.ticket, TicketState::failed));
  CHECK(b.view(prompt.ticket).reason == Reason::lane_lost);
  CHECK(d.poll_until_landed(prompt) == BATON_ERR_ENDED);
  CHECK(b.at_baseline());
  uint32_t held = 0;
  CHECK(baton_lookup(d.client(), prompt.keys().data(), 5, &held) == BATON_OK);
  CHECK(held == 2);
  if (!stop) return;
  source.signal(SIGCONT);
  CHECK(source.ask("state 7 5 604") == std::to_string(static_cast<int>(TicketState::failed)));
}

TEST_CASE("a target service that came back as a new incarnation is not taken for the old one") {
  BusFolder folder;
  BusNode a(quick(folder, "a"));
  BusEngine p(folder.file("a.sock"), "p");
  auto target = std::make_unique<BusChild>("target", folder.path(), kSilenceMs);
  const Prompt prompt(8, 4, 0, 605);
  Granted opened;
  opened.epoch = static_cast<uint32_t>(target->number("open 8 4 605"));
  opened.need.assign(4, 1);
  a.bus->expect(prompt.expect("p", opened, "b", static_cast<uint16_t>(target->number("port"))));
  REQUIRE(a.granted(prompt.ticket).granted);
  fill_some(p, prompt, 1);
  REQUIRE(a.wait([&] { return a.view(prompt.ticket).chunks_landed == 1; }));
  target->kill_and_wait();
  REQUIRE(a.wait_state(prompt.ticket, TicketState::failed));
  CHECK(a.at_baseline());

  // The next ticket is the new one's; it finds there what had landed.
  target = std::make_unique<BusChild>("target", folder.path(), kSilenceMs);
  const Prompt next(8, 1, 0, 606);
  opened.epoch = static_cast<uint32_t>(target->number("open 8 1 606"));
  REQUIRE(opened.epoch != 0);
  opened.need = {0};
  a.bus->expect(next.expect("p", opened, "b", static_cast<uint16_t>(target->number("port"))));
  CHECK(a.wait_state(next.ticket, TicketState::settled));
  CHECK(target->ask("load 8 1 606") == "1");
}
