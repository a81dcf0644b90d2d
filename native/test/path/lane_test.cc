#include <doctest/doctest.h>

#include "base/limits.h"
#include "support/lane_end.h"

using namespace baton;
using namespace baton::test;
using path::Landing;

namespace {

struct Pair {
  explicit Pair(int send_buffer_bytes = 0, uint32_t silence_ms = 20'000)
      : source(options("a", send_buffer_bytes, silence_ms)), target(options("b", send_buffer_bytes, silence_ms)) {
    source.dial("b", target.endpoint->port());
    REQUIRE(turn_until({&source, &target}, [&] { return source.ups.size() == 1 && target.ups.size() == 1; }));
  }
  static path::tcp::Options options(const char* node, int send_buffer_bytes, uint32_t silence_ms) {
    path::tcp::Options options = lane_options(node);
    options.send_buffer_bytes = send_buffer_bytes;
    options.silence_ms = silence_ms;
    return options;
  }
  // Announces stripes of the chunk in runs of `each` as the lane takes them, until all are acknowledged.
  bool send(const TestChunk& chunk, uint32_t each) {
    uint32_t next = 0;
    const size_t acks = source.acks.size(), wanted = acks + (chunk.stripes + each - 1) / each;
    return turn_until({&source, &target}, [&] {
      while (next < chunk.stripes) {
        const uint32_t count = std::min(each, chunk.stripes - next);
        if (!source.lane().announce(chunk.run(next, count))) break;
        next += count;
      }
      return source.acks.size() == wanted;
    });
  }

  LaneEnd source, target;
};

}  // namespace

TEST_CASE("runs arrive where the target wants them, in order, verified and acknowledged") {
  Pair pair;
  const TestChunk chunk(64, 128 << 10, 8, 1);
  const std::vector<uint8_t>& landed = pair.target.expect(chunk);
  REQUIRE(pair.send(chunk, 8));
  CHECK(landed == chunk.bytes);
  REQUIRE(pair.target.landings.size() == 8);
  for (uint32_t i = 0; i < 8; ++i) {
    CHECK(pair.target.landings[i].run.stripe_first == i * 8);
    CHECK(pair.target.landings[i].landing == Landing::ok);
    CHECK(pair.source.acks[i].run.stripe_first == i * 8);
    CHECK(pair.source.acks[i].landing == Landing::ok);
  }
  CHECK(pair.source.sent_runs == 8);
  CHECK(pair.source.lane().peer() == "b");
  CHECK(pair.target.lane().peer() == "a");
}

TEST_CASE("stripes that are no multiple of a digest's piece arrive and verify") {
  Pair pair;
  for (const uint64_t size : {1ull, 72ull, 4095ull, 4096ull, 4097ull, 10'000ull}) {
    const TestChunk chunk(12, size, 3, static_cast<uint32_t>(size));
    const std::vector<uint8_t>& landed = pair.target.expect(chunk);
    pair.target.landings.clear();
    REQUIRE(pair.send(chunk, 5));
    CHECK(landed == chunk.bytes);
    for (const Landed& l : pair.target.landings) CHECK(l.landing == Landing::ok);
  }
}

TEST_CASE("partial writes through tiny socket buffers are resumed") {
  Pair pair(4096);
  const TestChunk chunk(24, 100'000, 4, 2);
  const std::vector<uint8_t>& landed = pair.target.expect(chunk);
  REQUIRE(pair.send(chunk, 7));
  CHECK(landed == chunk.bytes);
}

TEST_CASE("a lane is used by one ticket after the other without reconnecting") {
  Pair pair;
  for (uint32_t i = 0; i < 5; ++i) {
    const TestChunk chunk(4, 5000, 2, 100 + i);
    const std::vector<uint8_t>& landed = pair.target.expect(chunk);
    REQUIRE(pair.send(chunk, 2));
    CHECK(landed == chunk.bytes);
  }
  CHECK(pair.source.ups.size() == 1);
}

TEST_CASE("bytes that differ from their digest are reported wrong to both ends") {
  Pair pair;
  TestChunk chunk(8, 9000, 4, 3);
  pair.target.expect(chunk);
  chunk.bytes[3 * 9000 + 8999] ^= 0x10;
  REQUIRE(pair.send(chunk, 2));
  for (uint32_t i = 0; i < 4; ++i) {
    const Landing wanted = i == 1 ? Landing::wrong_bytes : Landing::ok;
    CHECK(pair.target.landings[i].landing == wanted);
    CHECK(pair.source.acks[i].landing == wanted);
  }
}

TEST_CASE("the right stripe at a wrong layer or head is wrong bytes") {
  Pair pair;
  TestChunk chunk(8, 4096, 4, 4);
  pair.target.expect(chunk);
  path::Run moved = chunk.run(1, 1);
  moved.stripe_first = 5;  // same head, next layer
  REQUIRE(pair.source.lane().announce(moved));
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return pair.source.acks.size() == 1; }));
  CHECK(pair.source.acks[0].landing == Landing::wrong_bytes);
}

TEST_CASE("a run that is refused is thrown away and its reason comes back") {
  Pair pair;
  const TestChunk known(4, 200'000, 2, 5), unknown(4, 200'000, 2, 6);
  const std::vector<uint8_t>& landed = pair.target.expect(known);
  REQUIRE(pair.send(unknown, 2));
  REQUIRE(pair.send(known, 2));
  CHECK(pair.source.acks[0].landing == Landing::refused);
  CHECK(pair.source.acks[0].reason == Reason::unknown_ticket);
  CHECK(pair.source.acks[2].landing == Landing::ok);
  CHECK(landed == known.bytes);
  CHECK(pair.target.endpoint->stats().lanes.discarded_bytes == unknown.bytes.size());
}

TEST_CASE("a run that is in place already is thrown away and acknowledged as ok") {
  Pair pair;
  const TestChunk chunk(4, 6000, 2, 7);
  const std::vector<uint8_t>& landed = pair.target.expect(chunk);
  pair.target.already_there = true;
  REQUIRE(pair.send(chunk, 4));
  CHECK(pair.source.acks[0].landing == Landing::ok);
  CHECK(pair.target.landings.empty());
  CHECK(landed == std::vector<uint8_t>(chunk.bytes.size(), 0));
}

TEST_CASE("after the target cancels a ticket no byte of it is written any more, in the middle of a run too") {
  Pair pair(4096);
  const TestChunk chunk(1, 1 << 20, 1, 8);
  std::vector<uint8_t>& landed = pair.target.expect(chunk);
  REQUIRE(pair.source.lane().announce(chunk.run(0, 1)));
  // Until some bytes but not all stand in place.
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return landed[0] == chunk.bytes[0] && landed[1] == chunk.bytes[1]; }));
  REQUIRE(pair.target.landings.empty());
  pair.target.lane().cancel(chunk.ticket, 7, Reason::ended_ticket, true);
  std::fill(landed.begin(), landed.end(), 0xee);
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return pair.source.acks.size() == 1; }));
  CHECK(landed == std::vector<uint8_t>(landed.size(), 0xee));
  CHECK(pair.source.acks[0].landing == Landing::refused);
  REQUIRE(pair.source.cancels.size() == 1);
  CHECK(pair.source.cancels[0].quiesced);
  CHECK(pair.source.cancels[0].reason == Reason::ended_ticket);
  CHECK(pair.source.cancels[0].epoch == 7);
}

TEST_CASE("a cancelled ticket's runs that have not begun never go out, and the lane goes on for others") {
  Pair pair(4096);
  const TestChunk gone(8, 100'000, 1, 9), other(4, 5000, 1, 10);
  pair.target.expect(gone);
  const std::vector<uint8_t>& landed = pair.target.expect(other);
  for (uint32_t i = 0; i < 8; ++i) REQUIRE(pair.source.lane().announce(gone.run(i, 1)));
  REQUIRE(turn_until({&pair.source}, [&] { return pair.source.sent_runs >= 1; }));
  pair.source.lane().cancel(gone.ticket, 7, Reason::fill_aborted, false);
  REQUIRE(pair.source.lane().announce(other.run(0, 4)));
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return landed == other.bytes; }));
  CHECK(pair.source.sent_runs < 8);
  REQUIRE(pair.target.cancels.size() == 1);
  CHECK_FALSE(pair.target.cancels[0].quiesced);
  CHECK(pair.target.cancels[0].reason == Reason::fill_aborted);
  CHECK(pair.source.downs.empty());
}

namespace {
constexpr uint32_t kBig = 512 << 10;

// As many runs of a chunk as the lane takes at once.
uint32_t announce_all(Pair& pair, const TestChunk& chunk, uint32_t from, uint32_t to) {
  uint32_t next = from;
  while (next < to && pair.source.lane().announce(chunk.run(next, 1))) ++next;
  return next;
}

void announce_rest(Pair& pair, const TestChunk& chunk, uint32_t from, uint32_t to) {
  for (uint32_t next = announce_all(pair, chunk, from, to); next < to; next = announce_all(pair, chunk, next, to)) {
    REQUIRE(turn_until({&pair.source, &pair.target},
                       [&, n = pair.source.writables] { return pair.source.writables > n; }));
  }
}
}  // namespace

TEST_CASE("what a lane has announced and not heard of is bounded, and it says when it takes more") {
  Pair pair;
  const TestChunk chunk(64, kBig, 8, 11);
  const std::vector<uint8_t>& landed = pair.target.expect(chunk);
  const uint32_t taken = announce_all(pair, chunk, 0, 64);
  CHECK(taken * uint64_t{kBig} >= limits::kLaneBytesInFlightMax);
  CHECK(taken * uint64_t{kBig} < limits::kLaneBytesInFlightMax + kBig);
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return pair.source.writables > 0; }));
  announce_rest(pair, chunk, taken, 64);
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return pair.source.acks.size() == 64; }));
  CHECK(landed == chunk.bytes);
}

TEST_CASE("runs that go out gain no room by that, but by the verdict on them") {
  const TestChunk chunk(64, kBig, 8, 12);  // outlives the pair, which still holds runs of it at the end
  Pair pair;
  pair.target.expect(chunk);
  const uint32_t taken = announce_all(pair, chunk, 0, 64);
  REQUIRE(turn_until({&pair.source}, [&] { return pair.source.sent_runs >= 1; }));
  CHECK(announce_all(pair, chunk, taken, 64) == taken);
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return !pair.source.acks.empty(); }));
  CHECK(announce_all(pair, chunk, taken, 64) > taken);
}

TEST_CASE("a cancelled ticket's runs give their room back, begun or not") {
  const TestChunk gone(64, kBig, 8, 13), other(64, kBig, 9, 14);
  Pair pair;
  pair.target.expect(gone);
  const std::vector<uint8_t>& landed = pair.target.expect(other);
  announce_all(pair, gone, 0, 64);
  REQUIRE(turn_until({&pair.source}, [&] { return pair.source.sent_runs >= 1; }));
  pair.source.lane().cancel(gone.ticket, 7, Reason::fill_aborted, false);
  announce_rest(pair, other, 0, 64);
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return landed == other.bytes; }));
}

TEST_CASE("both ends estimate the same clock offset with opposite signs") {
  Pair pair;
  CHECK(pair.source.clock_offset == -pair.target.clock_offset);
}

TEST_CASE("silence ends a lane that is needed, and only such a lane") {
  Pair pair(0, 200);
  bool waited = false;
  pair.source.loop->after(500'000'000, [&] { waited = true; });
  // The target's loop does not turn: its kernel is there, its process is not.
  REQUIRE(turn_until({&pair.source}, [&] { return waited; }));
  CHECK(pair.source.downs.empty());
  pair.source.endpoint->need(pair.source.ups[0], true);
  REQUIRE(turn_until({&pair.source}, [&] { return !pair.source.downs.empty(); }));
  CHECK(pair.source.downs[0].reason == Reason::lane_lost);
  CHECK(pair.source.downs[0].retryable);
}

TEST_CASE("heartbeats keep a needed lane up while nothing is sent") {
  Pair pair(0, 200);
  pair.source.endpoint->need(pair.source.ups[0], true);
  pair.target.endpoint->need(pair.target.ups[0], true);
  bool waited = false;
  pair.source.loop->after(1'000'000'000, [&] { waited = true; });
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] { return waited; }));
  CHECK(pair.source.downs.empty());
  CHECK(pair.target.downs.empty());
}

TEST_CASE("a second lane from the same node ends the first") {
  Pair pair;
  pair.source.dial("b", pair.target.endpoint->port());
  REQUIRE(turn_until({&pair.source, &pair.target}, [&] {
    return pair.source.ups.size() == 2 && pair.target.ups.size() == 2 && pair.source.downs.size() == 1;
  }));
  REQUIRE(pair.target.downs.size() == 1);
  CHECK(pair.target.downs[0].lane == pair.target.ups[0]);
  CHECK(pair.source.downs[0].lane == pair.source.ups[0]);
}

TEST_CASE("a peer that goes away takes the lane down for another try") {
  auto source = std::make_unique<LaneEnd>(lane_options("a"));
  LaneEnd target(lane_options("b"));
  source->dial("b", target.endpoint->port());
  REQUIRE(turn_until({source.get(), &target}, [&] { return target.ups.size() == 1; }));
  source.reset();
  REQUIRE(turn_until({&target}, [&] { return target.downs.size() == 1; }));
  CHECK(target.downs[0].reason == Reason::lane_lost);
  CHECK(target.downs[0].retryable);
}
