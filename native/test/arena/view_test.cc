#include "arena/view.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <random>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "child.h"
#include "fixture.h"

using namespace fixture;
using arena::Place;
using arena::View;

namespace {

std::unique_ptr<View> map(const Arena& arena) {
  std::string error;
  auto view = View::map(arena.fd(), error);
  REQUIRE_MESSAGE(view != nullptr, error);
  return view;
}

// The view of the arena's own mapping, so that a sanitizer sees one memory.
std::unique_ptr<View> same_mapping(Arena& arena) {
  const SlotId id = arena.reserve(key(1), ns(), small(), 1, 1, 0);
  uint8_t* base = arena.payload(id) - arena.info(id)->offset - arena::header_bytes(small());
  arena.abandon(id, false);
  std::string error;
  auto view = View::over(base, arena.file_bytes(), error);
  REQUIRE_MESSAGE(view != nullptr, error);
  return view;
}

}  // namespace

TEST_CASE("an engine's process fills a slot through its own mapping and the service sees it whole") {
  const File file;
  const auto arena = open(options(file, 1 << 20));
  const SlotId id = arena->reserve(key(1), ns(), small(), 20, 9, getpid());
  const uint32_t generation = arena->info(id)->generation;
  const auto stripe_bytes = small().stripe_bytes(20);
  Child engine([&] {
    std::string error;
    const auto view = View::map(arena->fd(), error);
    Place place;
    if (!view || !view->place(id, generation, place)) return false;
    if (place.tokens != 20 || place.fill != 9 || place.sealed || place.key != key(1) || place.ns != ns()) return false;
    for (uint32_t layer = 0; layer < 2; ++layer) {
      for (uint32_t head = 0; head < 3; ++head) {
        const auto byte = static_cast<uint8_t>(16 * layer + head);
        std::fill_n(place.stripe(layer, head), stripe_bytes, byte);
        place.digests[place.stripe_index(layer, head)] =
            stripe_digest(place.key, layer, head, place.stripe(layer, head), stripe_bytes);
      }
      place.set_filled(3 * layer, 3);
    }
    return place.filled(5) && view->incarnation() == 1;
  });
  for (uint32_t s = 0; s < 6; ++s) {
    REQUIRE(arena->filled(id, s));
    const uint8_t* stripe = arena->payload(id) + s * stripe_bytes;
    CHECK(stripe[stripe_bytes - 1] == 16 * (s / 3) + s % 3);
    CHECK(arena->digests(id)[s] == stripe_digest(key(1), s / 3, s % 3, stripe, stripe_bytes));
  }
}

TEST_CASE("a view holds exactly what the directory finds") {
  const File file;
  const auto arena = open(options(file, 8 * 64 * 1024, 16));
  const auto view = map(*arena);
  std::mt19937 random(3);
  std::vector<SlotId> pinned;
  for (int step = 0; step < 4000; ++step) {
    const uint64_t n = random() % 30;
    if (arena->find(key(n)) == kNoSlot) {
      const SlotId id = arena->reserve(key(n), ns(), small(), 1 + random() % 32, 1, 0);
      if (id != kNoSlot) {
        REQUIRE_FALSE(view->holds(key(n)));
        arena->seal(id);
        pinned.push_back(id);
      }
    } else if (random() % 3 == 0) {
      arena->drop(arena->find(key(n)));
    }
    while (pinned.size() > random() % 10) {
      arena->unpin(pinned.back());
      pinned.pop_back();
    }
    for (uint64_t k = 0; k < 30; ++k) REQUIRE(view->holds(key(k)) == (arena->find(key(k)) != kNoSlot));
  }
  REQUIRE(arena->check_integrity() == "");
}

TEST_CASE("a place ends with its slot: other generation, abandoned or free") {
  const File file;
  const auto arena = open(options(file, 1 << 20));
  const auto view = map(*arena);
  Place place;
  const SlotId id = arena->reserve(key(1), ns(), small(), 32, 1, getpid());
  const uint32_t generation = arena->info(id)->generation;
  CHECK(view->place(id, generation, place));
  CHECK(view->current(id, generation));
  CHECK_FALSE(view->place(id, generation + 1, place));
  CHECK_FALSE(view->place(64, generation, place));
  arena->abandon(id, true);
  CHECK_FALSE(view->place(id, generation, place));
  CHECK_FALSE(view->current(id, generation));
  arena->quiesced(id);
  CHECK_FALSE(view->place(id, generation, place));
  const SlotId next = sealed(*arena, 2);
  REQUIRE(next == id);
  CHECK_FALSE(view->current(id, generation));
  REQUIRE(view->place(id, generation + 1, place));
  CHECK(place.sealed);
  CHECK(place.key == key(2));
}

TEST_CASE("a descriptor that is no arena, or one that is damaged, is refused") {
  const File file;
  std::string error;
  const int empty = ::open(file.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK(View::map(empty, error) == nullptr);
  CHECK(error == "the arena's descriptor is no arena file");
  REQUIRE(ftruncate(empty, 8192) == 0);
  CHECK(View::map(empty, error) == nullptr);
  CHECK(error == "this is not an arena file");
  close(empty);
  unlink(file.path.c_str());
  const auto arena = open(options(file, 65536));
  const auto damage = [&](size_t offset, uint64_t value) {
    uint64_t right = 0;
    REQUIRE(pread(arena->fd(), &right, 8, static_cast<off_t>(offset)) == 8);
    REQUIRE(pwrite(arena->fd(), &value, 8, static_cast<off_t>(offset)) == 8);
    CHECK(View::map(arena->fd(), error) == nullptr);
    CHECK(error.find("damaged") != std::string::npos);
    REQUIRE(pwrite(arena->fd(), &right, 8, static_cast<off_t>(offset)) == 8);
  };
  for (const size_t field : {32, 40, 48, 56, 64, 72}) damage(field, UINT64_MAX - 7);
  CHECK(View::map(arena->fd(), error) != nullptr);
}

TEST_CASE("lookups beside a churning service find what stays, never what was never there, and take no lock") {
  const File file;
  const auto arena = open(options(file, 16 * 64 * 1024, 48));
  const auto view = same_mapping(*arena);
  constexpr uint64_t kStays = 8, kChurns = 60;
  for (uint64_t n = 0; n < kStays; ++n) sealed(*arena, n);  // pinned for good
  std::atomic<bool> stop{false};
  struct Counts { uint64_t lookups = 0, misses = 0, ghosts = 0, churned = 0; };
  std::vector<Counts> counts(2);
  std::vector<std::thread> readers;
  for (Counts& mine : counts) {
    readers.emplace_back([&] {
      for (uint64_t i = 0; !stop.load(std::memory_order_relaxed) || mine.lookups < 1000; ++i) {
        ++mine.lookups;
        mine.misses += !view->holds(key(i % kStays));
        mine.ghosts += view->holds(key(5000 + i % 100));
        mine.churned += view->holds(key(100 + i % kChurns));
      }
    });
  }
  std::mt19937 random(11);
  for (int step = 0; step < 20000; ++step) {
    const uint64_t n = 100 + random() % kChurns;
    const SlotId id = arena->find(key(n));
    if (id == kNoSlot) kept(*arena, n, 1 + random() % 32);
    else if (random() % 4 == 0) arena->drop(id);
  }
  stop.store(true);
  for (auto& reader : readers) reader.join();
  for (const Counts& mine : counts) {
    CHECK(mine.ghosts == 0);
    CHECK(mine.misses * 1000 <= mine.lookups);
    CHECK(mine.churned > 0);
  }
  CHECK(arena->check_integrity() == "");
}
