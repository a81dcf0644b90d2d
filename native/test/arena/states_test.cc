#include "base/limits.h"
#include "child.h"
#include "fixture.h"

#include <sys/wait.h>

#include <array>

using namespace fixture;

namespace {
int32_t dead_pid() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  return child;
}
constexpr uint64_t kMiB = 1 << 20;
}  // namespace

TEST_CASE("a slot is found by its key only between seal and eviction") {
  const File file;
  const auto arena = open(options(file, kMiB));
  const SlotId id = arena->reserve(key(1), ns(), small(), 20, 77, 0);
  REQUIRE(id != kNoSlot);
  CHECK(arena->find(key(1)) == kNoSlot);
  arena->filling(id);
  CHECK_FALSE(arena->info(id)->sealed);
  CHECK(arena->seal(id));
  CHECK(arena->find(key(1)) == id);
  const auto info = arena->info(id);
  CHECK((info->sealed && info->indexed && info->tokens == 20 && info->fill == 77 && info->pins == 1));
  CHECK(info->geometry == small());
  arena->unpin(id);
  CHECK(arena->find(key(1)) == id);
  CHECK_FALSE(arena->stale(id, info->generation));
  arena->drop(id);
  CHECK(arena->find(key(1)) == kNoSlot);
  CHECK(arena->stale(id, info->generation));
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("the first seal of a key wins; the second serves its pins and goes with the last of them") {
  const File file;
  const auto arena = open(options(file, kMiB));
  const SlotId first = arena->reserve(key(1), ns(), small(), 32, 1, 0);
  const SlotId second = arena->reserve(key(1), ns(), small(), 32, 2, 0);
  CHECK(arena->seal(first));
  CHECK_FALSE(arena->seal(second));
  arena->pin(second);
  CHECK(arena->find(key(1)) == first);
  CHECK(arena->info(second)->sealed);
  CHECK_FALSE(arena->info(second)->indexed);
  CHECK(arena->stats().double_seals == 1);
  arena->unpin(second);
  CHECK(arena->info(second).has_value());
  arena->unpin(second);
  CHECK_FALSE(arena->info(second).has_value());
  CHECK(arena->find(key(1)) == first);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("eviction takes the least recently used chunk and never a pinned one") {
  const File file;
  const auto arena = open(options(file, 5 * 64 * 1024));  // room for eleven
  std::array<SlotId, 11> ids;
  for (uint64_t i = 0; i < ids.size(); ++i) ids[i] = sealed(*arena, i);
  CHECK(arena->reserve(key(100), ns(), small(), 32, 0, 0) == kNoSlot);
  for (const SlotId id : {ids[3], ids[5], ids[7]}) arena->unpin(id);
  CHECK(arena->find(key(3)) == ids[3]);  // now the most recently used
  kept(*arena, 101);
  CHECK(arena->find(key(5)) == kNoSlot);
  sealed(*arena, 102);
  CHECK(arena->find(key(7)) == kNoSlot);
  sealed(*arena, 103);
  CHECK(arena->find(key(3)) == kNoSlot);
  sealed(*arena, 104);
  CHECK(arena->find(key(101)) == kNoSlot);
  CHECK(arena->reserve(key(105), ns(), small(), 32, 0, 0) == kNoSlot);
  for (const uint64_t i : {0, 1, 2, 4, 6, 8, 9, 10}) CHECK(arena->find(key(i)) == ids[i]);
  CHECK(arena->stats().evictions == 4);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("a slot whose writer may still write is not used again before it is quiesced") {
  const File file;
  const auto arena = open(options(file, 64 * 1024));  // room for two
  const int32_t me = getpid();
  const SlotId first = arena->reserve(key(1), ns(), small(), 32, 1, me);
  const SlotId second = arena->reserve(key(2), ns(), small(), 32, 2, me);
  arena->abandon(first, true);
  arena->abandon(second, true);
  CHECK(arena->stats().quiescing == 2);
  CHECK(arena->stats().pins == 0);
  CHECK(arena->reserve(key(3), ns(), small(), 32, 3, 0) == kNoSlot);
  arena->quiesced(first);
  CHECK(arena->reserve(key(3), ns(), small(), 32, 3, 0) != kNoSlot);
  arena->reap();  // this process lives
  CHECK(arena->stats().quiescing == 1);
  arena->quiesced(second);
  CHECK(arena->stats().quiescing == 0);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("reaping frees the slots of writers that have died since, and no others") {
  const File file;
  const auto arena = open(options(file, 5 * 64 * 1024));
  Child dying([] { return true; }), living([] { return true; });
  for (uint64_t n = 0; n < 6; ++n) {
    arena->abandon(arena->reserve(key(n), ns(), small(), 32, n, n % 3 == 0 ? living.pid() : dying.pid()),
                   true);
  }
  arena->reap();
  CHECK(arena->stats().quiescing == 6);
  dying.kill_and_wait();
  arena->reap();
  CHECK(arena->stats().quiescing == 2);
  CHECK(arena->stats().slots_used == 2);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("a writer that has died already keeps no slot") {
  const File file;
  const auto arena = open(options(file, 64 * 1024));
  const SlotId id = arena->reserve(key(1), ns(), small(), 32, 1, dead_pid());
  arena->abandon(id, true);
  CHECK_FALSE(arena->info(id).has_value());
  const SlotId mine = arena->reserve(key(1), ns(), small(), 32, 1, 0);
  arena->abandon(mine, false);
  CHECK(arena->stats().bytes_used == 0);
}

TEST_CASE("quiescing slots of a dead writer make room when it is needed") {
  const File file;
  const auto arena = open(options(file, 64 * 1024));
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(ends[0]);
  for (const uint64_t i : {1, 2}) arena->abandon(arena->reserve(key(i), ns(), small(), 32, i, child), true);
  const std::array<uint32_t, 2> two{32, 32};
  CHECK_FALSE(arena->fits(small(), two));
  close(ends[1]);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK(arena->fits(small(), two));
  CHECK(arena->reserve(key(3), ns(), small(), 32, 3, 0) != kNoSlot);
  CHECK(arena->stats().quiescing == 0);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("an unsealed slot that loses its last pin ends as if it were abandoned") {
  const File file;
  const auto arena = open(options(file, kMiB));
  const SlotId service = arena->reserve(key(1), ns(), small(), 32, 1, 0);
  const SlotId engine = arena->reserve(key(2), ns(), small(), 32, 2, getpid());
  arena->pin(engine);
  arena->unpin(service);
  arena->unpin(engine);
  CHECK_FALSE(arena->info(service).has_value());
  CHECK(arena->info(engine)->pins == 1);
  arena->unpin(engine);
  CHECK(arena->stats().quiescing == 1);
  CHECK_FALSE(arena->seal(engine));
  arena->pin(engine);  // nothing to read there
  CHECK(arena->stats().pins == 0);
  arena->quiesced(engine);
  CHECK(arena->stats().bytes_used == 0);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("a corrupt chunk is never found again, though its readers keep their slot") {
  const File file;
  const auto arena = open(options(file, kMiB));
  const SlotId id = sealed(*arena, 1);
  arena->pin(id);
  arena->drop(id);
  CHECK(arena->find(key(1)) == kNoSlot);
  CHECK(arena->info(id).has_value());
  const SlotId again = sealed(*arena, 1);
  CHECK(arena->find(key(1)) == again);
  arena->unpin(id);
  arena->unpin(id);
  CHECK_FALSE(arena->info(id).has_value());
  CHECK(arena->find(key(1)) == again);
  CHECK(arena->check_integrity() == "");
}

TEST_CASE("calls for slots that are free, out of range or in another state change nothing") {
  const File file;
  const auto arena = open(options(file, kMiB));
  const SlotId id = kept(*arena, 1);
  for (const SlotId other : {SlotId{5}, SlotId{64}, kNoSlot}) {
    arena->filling(other), arena->pin(other), arena->unpin(other), arena->drop(other), arena->quiesced(other);
    arena->abandon(other, true), arena->set_filled(other, 0, 1);
    CHECK_FALSE(arena->seal(other));
    CHECK_FALSE(arena->filled(other, 0));
    CHECK_FALSE(arena->info(other).has_value());
    CHECK(arena->payload(other) == nullptr);
    CHECK(arena->stale(other, 0));
  }
  arena->unpin(id), arena->abandon(id, false), arena->quiesced(id), arena->filling(id);
  arena->set_filled(id, 5, 2), arena->set_filled(id, UINT32_MAX, 2);
  CHECK_FALSE(arena->seal(id));
  CHECK(arena->find(key(1)) == id);
  CHECK(arena->check_integrity() == "");
  CHECK(arena->reserve(key(2), ns(), small(), 0, 0, 0) == kNoSlot);
  CHECK(arena->reserve(key(2), ns(), small(), 33, 0, 0) == kNoSlot);
  CHECK(arena->reserve(key(2), ns(), Geometry{}, 1, 0, 0) == kNoSlot);
}

TEST_CASE("a fill finds neither digests nor filled bits of an earlier one") {
  const File file;
  const auto arena = open(options(file, 64 * 1024, 1));
  const SlotId first = arena->reserve(key(1), ns(), small(), 32, 1, 0);
  for (uint32_t s = 0; s < small().stripes(); ++s) arena->digests(first)[s].fill(0xee);
  arena->set_filled(first, 1, 4);
  for (uint32_t s = 0; s < small().stripes(); ++s) CHECK(arena->filled(first, s) == (s >= 1 && s < 5));
  arena->abandon(first, false);
  const SlotId second = arena->reserve(key(2), ns(), small(), 32, 2, 0);
  REQUIRE(second == first);
  for (uint32_t s = 0; s < small().stripes(); ++s) {
    CHECK_FALSE(arena->filled(second, s));
    CHECK(arena->digests(second)[s] == Digest{});
  }
}

TEST_CASE("a tail takes a fraction of a chunk's memory") {
  const File file;
  const auto arena = open(options(file, kMiB));
  const Geometry g{4, 4, 2, {128, 128}, 256};  // 4 KiB per token, one page of header
  for (const auto& [tokens, tokens_of_class] :
       {std::pair{1u, 16u}, {16u, 16u}, {17u, 32u}, {64u, 64u}, {65u, 128u}, {129u, 256u}, {256u, 256u}}) {
    const SlotId id = arena->reserve(key(tokens), ns(), g, tokens, 1, 0);
    if (tokens_of_class == 256) {
      CHECK(id == kNoSlot);  // its header does not fit any more into 1 MiB
      continue;
    }
    REQUIRE(id != kNoSlot);
    CHECK(arena->info(id)->bytes == 4096 + tokens_of_class * 4096);
    CHECK(reinterpret_cast<uintptr_t>(arena->payload(id)) % 4096 == 0);
    arena->abandon(id, false);
  }
  CHECK(arena->stats().bytes_used == 0);
}

TEST_CASE("events tell what came and went in order, and that they were lost when nobody took them") {
  const File file;
  const auto arena = open(options(file, 64 * 1024));
  bool lost = true;
  const SlotId id = kept(*arena, 1, 7);
  arena->drop(id);
  kept(*arena, 2);
  const auto events = arena->take_events(lost);
  CHECK_FALSE(lost);
  REQUIRE(events.size() == 3);
  CHECK((events[0].kind == ChunkEvent::stored && events[0].key == key(1) && events[0].tokens == 7));
  CHECK((events[1].kind == ChunkEvent::removed && events[1].key == key(1) && events[1].ns == ns()));
  CHECK((events[2].kind == ChunkEvent::stored && events[2].key == key(2)));
  for (uint32_t i = 0; i <= limits::kEventsMax / 2; ++i) arena->drop(kept(*arena, 1000 + i));
  CHECK(arena->take_events(lost).size() < limits::kEventsMax);
  CHECK(lost);
  const auto list = arena->list();
  REQUIRE(list.size() == 1);
  CHECK(list[0].key == key(2));
  kept(*arena, 3);
  CHECK(arena->take_events(lost).size() == 1);
  CHECK_FALSE(lost);
}
