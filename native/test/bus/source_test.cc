#include "bus/source.h"

#include <doctest/doctest.h>

#include "base/limits.h"
#include "support/bus_node.h"

using namespace baton;
using namespace baton::test;

namespace {

// A source ticket of two chunks whose slots stand in a real arena.
struct Sending {
  explicit Sending(Geometry geometry = kTestGeometry) {
    std::string error;
    arena = Arena::open({folder.file("arena"), 64 << 20, 16, false}, error);
    REQUIRE(arena);
    ticket.role = 's';
    ticket.geometry = geometry;
    ticket.layers.resize(geometry.layers);
    for (uint8_t i = 0; i < 2; ++i) {
      TicketChunk chunk;
      chunk.chunk.key[0] = i;
      chunk.chunk.tokens = geometry.chunk_tokens;
      chunk.slot = arena->reserve(chunk.chunk.key, test_namespace(), geometry, geometry.chunk_tokens, 1, 0);
      REQUIRE(chunk.slot != kNoSlot);
      ticket.chunks.push_back(chunk);
    }
    source = std::make_unique<Source>(ticket, *arena);
  }
  // (chunk, first, count) of the run that is due, handed over.
  std::vector<uint32_t> take() {
    last = source->next();
    source->handed_over(last);
    return {last.chunk, last.stripe_first, last.stripe_count};
  }

  BusFolder folder;
  std::unique_ptr<Arena> arena;
  Ticket ticket;
  std::unique_ptr<Source> source;
  path::Run last;
};

using Taken = std::vector<uint32_t>;

}  // namespace

TEST_CASE("layers go out in the order in which they became ready; those that follow each other in a chunk go together") {
  Sending s;  // two heads
  s.source->ready(0, 0);
  s.source->ready(1, 0);
  s.source->ready(0, 1);
  s.source->ready(1, 2);
  CHECK(s.take() == Taken{0, 0, 4});
  CHECK(s.take() == Taken{1, 0, 2});
  CHECK(s.take() == Taken{1, 4, 2});
  CHECK_FALSE(s.source->waiting());
  CHECK(s.source->in_flight() == 3);
  s.source->ready(0, 2);
  CHECK(s.take() == Taken{0, 4, 2});
}

TEST_CASE("a run points at its stripes in the slot and at their digests") {
  Sending s;
  s.source->ready(1, 3);
  s.take();
  const SlotId slot = s.ticket.chunks[1].slot;
  CHECK(s.last.bytes == s.arena->payload(slot) + 6 * kTestGeometry.stripe_bytes(64));
  CHECK(s.last.length == 2 * kTestGeometry.stripe_bytes(64));
  CHECK(s.last.digests.data() == s.arena->digests(slot) + 6);
}

TEST_CASE("runs are cut to the bound, down to a single stripe that is larger") {
  Sending wide({2, 32, 1, {1024, 0, 0, 0}, 64});  // stripes of 64 KiB
  wide.source->ready_all(0);
  for (uint32_t first = 0; first < 64; first += 16) CHECK(wide.take() == Taken{0, first, 16});
  CHECK_FALSE(wide.source->waiting());
  Sending tall({1, 2, 1, {32768, 0, 0, 0}, 64});  // of 2 MiB
  tall.source->ready_all(1);
  CHECK(tall.take() == Taken{1, 0, 1});
  CHECK(tall.take() == Taken{1, 1, 1});
  Sending tiny({64, 128, 1, {1, 0, 0, 0}, 1});  // of one byte: the digests are the bound
  tiny.source->ready_all(0);
  while (tiny.source->waiting()) {
    tiny.take();
    CHECK(tiny.last.digests.size_bytes() < limits::kLaneFrameHeadBytesMax);
  }
}

TEST_CASE("a chunk is complete when each stripe has been acknowledged, not when as many acknowledgements came") {
  Sending s;
  s.source->ready_all(0);
  s.take();  // all eight stripes, 128 KiB
  path::Run half = s.last;
  half.stripe_count = 4;
  CHECK_FALSE(s.source->acknowledged(half));
  CHECK_FALSE(s.source->acknowledged(half));
  half.stripe_first = 4;
  CHECK(s.source->acknowledged(half));
  CHECK_FALSE(s.source->acknowledged(half));
}

TEST_CASE("after a lost lane exactly what was ready and not acknowledged is due again") {
  Sending s;
  for (uint32_t l = 0; l < 3; ++l) {
    s.source->ready(0, l);
    s.take();
    if (l == 1) s.source->acknowledged(s.last);
  }
  s.source->ready(1, 0);
  s.source->lane_lost();
  CHECK(s.source->in_flight() == 0);
  CHECK(s.take() == Taken{0, 0, 2});
  CHECK(s.take() == Taken{0, 4, 2});
  CHECK(s.take() == Taken{1, 0, 2});
  CHECK_FALSE(s.source->waiting());
  s.source->ready(0, 3);
  CHECK(s.take() == Taken{0, 6, 2});
}

TEST_CASE("a run is sent again a bounded number of times") {
  Sending s;
  s.source->ready(0, 0);
  s.take();
  for (uint32_t i = 0; i < limits::kResendsPerRunMax; ++i) {
    REQUIRE(s.source->again(s.last));
    CHECK(s.take() == Taken{0, 0, 2});
  }
  CHECK_FALSE(s.source->again(s.last));
  CHECK(s.ticket.runs_resent == limits::kResendsPerRunMax);
}
