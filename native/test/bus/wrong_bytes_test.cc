// Wrong bytes never count as landed: flipped in memory, flipped or forged on the wire, sent by the wrong node or late.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "support/bus_pair.h"
#include "support/lane_end.h"
#include "support/lane_proxy.h"

using namespace baton;
using namespace baton::test;

namespace {

// Flips one bit of a chunk's stripe wherever it stands in the arena's file; how many copies there were.
size_t flip(const std::string& arena, const Key& key, uint32_t layer, uint32_t head) {
  std::vector<uint8_t> token;
  for (uint32_t at = 0; at < 128; ++at) token.push_back(kv_byte(key, layer, head, 1, 60, at));
  const int fd = open(arena.c_str(), O_RDWR | O_CLOEXEC);
  struct stat st{};
  REQUIRE(fstat(fd, &st) == 0);
  auto* memory = static_cast<uint8_t*>(mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  close(fd);
  size_t found = 0;
  uint8_t* const end = memory + st.st_size;
  for (uint8_t* at = memory; (at = std::search(at, end, token.begin(), token.end())) != end; ++at, ++found) at[77] ^= 0x20;
  munmap(memory, static_cast<size_t>(st.st_size));
  return found;
}

// A prompt sent from a to b through a proxy.
struct Proxied {
  explicit Proxied(LaneProxy::Tamper tamper) : proxy(n.b.bus->lane_port(), std::move(tamper)) {
    const Granted opened = n.open(prompt);
    n.a.bus->expect(prompt.expect("p", opened, "b", proxy.port()));
    REQUIRE(n.a.granted(prompt.ticket).granted);
    // Where the ticket cannot end well, the engine may hear of that before it is done.
    const int code = n.p->prefill(prompt);
    REQUIRE((code == BATON_OK || code == BATON_ERR_ENDED));
  }
  void check_landed_right() {
    REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
    uint32_t right = 0;
    CHECK(n.d->load(prompt, true, right) == BATON_OK);
    CHECK(right == 4);
    n.settle_and_check_baseline(prompt);
  }

  BusPair n;
  const Prompt prompt{1, 4};
  LaneProxy proxy;
};

LaneProxy::Tamper once(std::function<ProxyAction(ProxyFrame)> action) {
  auto done = std::make_shared<bool>(false);
  return [=](const ProxyFrame& frame) {
    if (!frame.is_run || frame.run < 3 || std::exchange(*done, true)) return LaneProxy::pass(frame);
    return action(frame);
  };
}

// Node `name`, speaking the lane's protocol by hand to b.
struct Rogue {
  Rogue(const char* name, BusPair& pair) : end(lane_options(name)) {
    end.dial("b", pair.b.bus->lane_port());
    REQUIRE(turn_until({&end}, [&] { return end.ups.size() == 1; }));
  }
  path::Run run(const Prompt& prompt, uint32_t epoch) {
    path::Run run;
    run.ticket = prompt.ticket;
    run.epoch = epoch;
    run.stripe_count = 2;
    run.digests = digests;
    run.bytes = bytes.data();
    run.length = bytes.size();
    return run;
  }
  Acked send(const path::Run& run) {
    const size_t had = end.acks.size();
    REQUIRE(end.lane().announce(run));
    REQUIRE(turn_until({&end}, [&] { return end.acks.size() > had; }));
    return end.acks.back();
  }

  LaneEnd end;
  std::vector<uint8_t> bytes = std::vector<uint8_t>(2 * kTestGeometry.stripe_bytes(64), 0x77);
  std::vector<Digest> digests = std::vector<Digest>(2);
};

}  // namespace

TEST_CASE("a bit flipped in the source's arena is sent in vain: the ticket fails, the chunk is dropped and made anew") {
  BusPair n;
  const Prompt prompt(1, 3);
  REQUIRE(n.p->keep(prompt) == BATON_OK);
  REQUIRE(n.a.wait([&] { return n.a.chunks.size() == 3; }));
  REQUIRE(flip(n.folder.file("a.arena"), prompt.chunks[1].key, 2, 1) == 1);
  n.reserve(prompt);
  REQUIRE(n.a.wait_state(prompt.ticket, TicketState::failed));
  REQUIRE(n.b.wait_state(prompt.ticket, TicketState::failed));
  CHECK(n.a.view(prompt.ticket).reason == Reason::digest_mismatch);
  CHECK(n.b.view(prompt.ticket).reason == Reason::digest_mismatch);
  CHECK(n.d->poll_until_landed(prompt) == BATON_ERR_ENDED);
  CHECK(n.a.bus->counters().runs_resent == limits::kResendsPerRunMax);
  CHECK(n.a.bus->counters().stripes_wrong == 1);
  CHECK(n.b.bus->counters().stripes_wrong == limits::kResendsPerRunMax + 1);

  const Prompt again(1, 3);
  n.reserve(again);
  REQUIRE(n.p->prefill(again) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(again) == BATON_OK);
  uint32_t right = 0;
  CHECK(n.d->load(again, true, right) == BATON_OK);
  CHECK(right == 3);
  n.settle_and_check_baseline(again);
}

TEST_CASE("a bit flipped in the target's arena is found while scattering; the chunk is dropped and counted") {
  BusPair n;
  const Prompt prompt(2, 2);
  n.reserve(prompt);
  REQUIRE(n.p->prefill(prompt) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  REQUIRE(flip(n.folder.file("b.arena"), prompt.chunks[1].key, 3, 0) == 1);
  uint32_t right = 0;
  CHECK(n.d->load(prompt, true, right) == BATON_ERR_DIGEST);
  CHECK(right == 1);
  CHECK(n.b.wait([&] { return n.b.bus->counters().corrupt_reported == 1; }));
  // It is given to nobody again, not even to its ticket.
  CHECK(n.d->load(prompt, true, right) == BATON_OK);
  CHECK(right == 1);
  n.settle_and_check_baseline(prompt);
  uint32_t held = 0;
  CHECK(baton_lookup(n.d->client(), prompt.keys().data(), 2, &held) == BATON_OK);
  CHECK(held == 1);
}

TEST_CASE("a bit flipped once on the wire is sent again and lands right") {
  Proxied t(once([](ProxyFrame frame) {
    frame.payload[frame.payload.size() / 2] ^= 1;
    return LaneProxy::pass(frame);
  }));
  t.check_landed_right();
  CHECK(t.n.a.view(t.prompt.ticket).runs_resent == 1);
  CHECK(t.n.b.bus->counters().stripes_wrong == 1);
}

TEST_CASE("bits flipped every time fail the ticket after the bounded number of resends; the source's chunk is kept") {
  Proxied t([](ProxyFrame frame) {
    if (frame.is_run) frame.payload[5] ^= 1;
    return LaneProxy::pass(frame);
  });
  REQUIRE(t.n.a.wait_state(t.prompt.ticket, TicketState::failed));
  REQUIRE(t.n.b.wait_state(t.prompt.ticket, TicketState::failed));
  CHECK(t.n.a.view(t.prompt.ticket).reason == Reason::digest_mismatch);
  CHECK(t.n.b.view(t.prompt.ticket).chunks_landed == 0);
  CHECK(t.n.a.bus->counters().stripes_wrong == 0);
  CHECK(t.n.a.at_baseline());
  CHECK(t.n.b.at_baseline());
}

TEST_CASE("a damaged head resets the lane; what was not acknowledged is announced again and lands") {
  Proxied t(once([](ProxyFrame frame) {
    frame.head[60] ^= 1;
    return LaneProxy::pass(frame);
  }));
  t.check_landed_right();
  CHECK(t.proxy.connections() == 2);
  CHECK(t.n.b.bus->counters().lane_bad_frames == 1);
  CHECK(t.n.b.bus->counters().lane_resets == 1);
}

TEST_CASE("a frame that is duplicated, reordered, cut short or missing ends in the right bytes") {
  SUBCASE("duplicated") {
    Proxied t(once([](const ProxyFrame& f) { return ProxyAction{{LaneProxy::whole(f), LaneProxy::whole(f)}, false}; }));
    t.check_landed_right();
    CHECK(t.n.b.bus->counters().lane_duplicates == 1);
    CHECK(t.proxy.connections() == 1);
  }
  SUBCASE("reordered") {
    std::vector<uint8_t> held;
    Proxied t([&](const ProxyFrame& f) {
      if (!f.is_run || f.run < 2 || f.run > 3) return LaneProxy::pass(f);
      if (f.run == 3) return ProxyAction{{LaneProxy::whole(f), held}, false};
      held = LaneProxy::whole(f);
      return ProxyAction{};
    });
    t.check_landed_right();
    CHECK(t.n.b.bus->counters().lane_bad_frames == 1);
  }
  SUBCASE("cut short") {
    Proxied t(once([](ProxyFrame f) {
      f.payload.resize(f.payload.size() / 3);
      return ProxyAction{{LaneProxy::whole(f)}, true};
    }));
    t.check_landed_right();
    CHECK(t.proxy.connections() == 2);
  }
  SUBCASE("missing") {
    Proxied t([](const ProxyFrame& f) { return f.is_run && f.run == 2 ? ProxyAction{} : LaneProxy::pass(f); });
    t.check_landed_right();
    CHECK(t.n.b.bus->counters().lane_bad_frames == 1);
  }
}

TEST_CASE("only the source that the router named may send for a ticket, and only of this reservation") {
  BusPair n;
  const Prompt prompt(3, 2), unknown(4, 2);
  const Granted opened = n.open(prompt);
  Rogue x("x", n), a("a", n);
  CHECK(x.send(x.run(prompt, opened.epoch)).reason == Reason::foreign_ticket);
  CHECK(a.send(a.run(unknown, opened.epoch)).reason == Reason::unknown_ticket);
  CHECK(a.send(a.run(prompt, opened.epoch + 1)).reason == Reason::ended_ticket);
  const BusCounters c = n.b.bus->counters();
  CHECK(c.refused_foreign == 1);
  CHECK(c.refused_unknown == 1);
  CHECK(c.refused_ended == 1);
  CHECK(c.lane_discarded_bytes == 3 * x.bytes.size());
  CHECK(n.b.view(prompt.ticket).state == TicketState::reserved);
}

TEST_CASE("a run whose place does not exist is refused, and right-looking bytes without the right digest do not land") {
  BusPair n;
  const Prompt prompt(5, 2, 10);
  const Granted opened = n.open(prompt);
  Rogue a("a", n);
  std::vector<path::Run> misplaced(4, a.run(prompt, opened.epoch));
  misplaced[0].chunk = 2;
  misplaced[1].stripe_first = 7;   // with a count of two it ends beyond the chunk
  misplaced[2].chunk = 1;          // the tail's stripes are shorter
  misplaced[3].length -= 2;
  for (const path::Run& run : misplaced) {
    const Acked ack = a.send(run);
    CHECK(ack.landing == path::Landing::refused);
    CHECK(ack.reason == Reason::malformed);
  }
  CHECK(a.send(a.run(prompt, opened.epoch)).landing == path::Landing::wrong_bytes);
  CHECK(n.b.view(prompt.ticket).chunks_landed == 0);
  n.b.bus->abort(prompt.ticket, Reason::none);
  CHECK(n.b.at_baseline());
}

TEST_CASE("a replayed old ticket writes nothing, whoever sends it") {
  BusPair n;
  const Prompt landed(6, 2), aborted(7, 2);
  n.reserve(landed);
  REQUIRE(n.p->prefill(landed) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(landed) == BATON_OK);
  const Granted opened = n.open(aborted);
  n.b.bus->abort(aborted.ticket, Reason::none);
  n.settle_and_check_baseline(landed);
  REQUIRE(n.b.wait_state(aborted.ticket, TicketState::aborted));

  Rogue a("a", n), x("x", n);
  CHECK(a.send(a.run(aborted, opened.epoch)).reason == Reason::ended_ticket);
  CHECK(x.send(x.run(aborted, opened.epoch)).reason == Reason::foreign_ticket);
  CHECK(a.send(a.run(landed, n.b.granted(landed.ticket).epoch + 2)).reason == Reason::ended_ticket);
  // Of what has landed the bytes are thrown away, and the sender hears that they are there.
  CHECK(a.send(a.run(landed, n.b.granted(landed.ticket).epoch)).landing == path::Landing::ok);
  uint32_t right = 0;
  CHECK(n.d->load(landed, false, right) == BATON_OK);
  CHECK(right == 2);
  CHECK(n.b.at_baseline());
}

TEST_CASE("a chunk that stands under a ticket's key with another number of tokens is not taken for the ticket's") {
  BusPair n;
  Prompt shorter(1, 1);
  shorter.chunks[0].tokens = 20;
  REQUIRE(n.p->keep(shorter) == BATON_OK);
  const Prompt prompt(1, 1);
  const Granted opened = n.open(prompt);
  REQUIRE(opened.granted);
  const Granted expected = n.expect(prompt, opened);
  CHECK(expected.need == std::vector<uint8_t>{1});
  CHECK(n.p->prefill(prompt) == BATON_OK);
  REQUIRE(n.d->poll_until_landed(prompt) == BATON_OK);
  uint32_t right = 0;
  CHECK(n.d->load(prompt, true, right) == BATON_OK);
  CHECK(right == 1);
  n.settle_and_check_baseline(prompt);
}
