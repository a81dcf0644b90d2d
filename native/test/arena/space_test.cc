#include "arena/space.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using baton::arena::Space;

namespace {

// Places `sizes` one after the other from 0; slot i, evictable with ranks[i] (0 = must stay).
Space filled(const std::vector<uint64_t>& sizes, const std::vector<uint64_t>& ranks, uint64_t bytes,
             uint32_t slots = 100) {
  Space space(0, bytes, slots);
  uint64_t at = 0;
  for (uint32_t i = 0; i < sizes.size(); ++i) {
    REQUIRE(space.take(i, at, sizes[i]));
    space.rank(at, ranks[i]);
    at += sizes[i];
  }
  return space;
}

using Slots = std::vector<uint32_t>;

}  // namespace

TEST_CASE("nothing is evicted while there is a hole") {
  Space space = filled({4, 4}, {1, 2}, 12);
  Slots evicted;
  CHECK(space.allocate(4, evicted) == 8);
  CHECK(evicted.empty());
}

TEST_CASE("among slots that are alike the least recently used gives way") {
  Space space = filled({4, 4, 4}, {3, 1, 2}, 12);
  Slots evicted;
  CHECK(space.allocate(4, evicted) == 4);
  CHECK(evicted == Slots{1});
}

TEST_CASE("a large slot takes the place of neighbours whose latest use is oldest, in the order of their use") {
  //                      0  1  2  3  4  5
  Space space = filled({4, 4, 4, 4, 4, 4}, {9, 1, 6, 5, 4, 0}, 24);
  Slots evicted;
  CHECK(space.allocate(8, evicted) == 12);  // {3,4}: latest use 5; {1,2}: 6
  CHECK(evicted == Slots{4, 3});
}

TEST_CASE("nothing is evicted when that would not make the room") {
  Space space = filled({4, 4, 4, 4}, {1, 0, 2, 0}, 16);
  Slots evicted;
  CHECK_FALSE(space.allocate(8, evicted).has_value());
  CHECK_FALSE(space.allocate(17, evicted).has_value());
  CHECK(evicted.empty());
}

TEST_CASE("a full table gives up its least recently used slot though memory is free") {
  Space space = filled({4, 4}, {2, 1}, 100, 2);
  Slots evicted;
  CHECK(space.allocate(4, evicted).has_value());
  CHECK(evicted == Slots{1});
  Space pinned = filled({4, 4}, {0, 0}, 100, 2);
  CHECK_FALSE(pinned.allocate(4, evicted).has_value());
}

TEST_CASE("room is found exactly when a naive search over free and evictable memory finds it, and what goes is minimal") {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<uint64_t> sizes, ranks;
    uint64_t total = 0;
    for (uint64_t i = 0; i < 1 + random() % 14; ++i) {
      sizes.push_back(1 + random() % 9);
      ranks.push_back(random() % 3 ? i + 1 : 0);
      total += sizes.back();
    }
    std::shuffle(ranks.begin(), ranks.end(), random);
    Space space = filled(sizes, ranks, total + random() % 5);
    for (uint64_t at = 0, i = 0; i < sizes.size(); at += sizes[i], ++i) {
      if (random() % 4 == 0) {
        space.release(at);
        ranks[i] = UINT64_MAX;  // a hole
      }
    }
    std::vector<bool> usable(space.extents().free_bytes() + 200, false);
    for (const auto& [offset, bytes] : space.extents().holes()) std::fill_n(usable.begin() + static_cast<long>(offset), bytes, true);
    for (const auto& [offset, use] : space.uses()) {
      if (use.rank) std::fill_n(usable.begin() + static_cast<long>(offset), use.bytes, true);
    }
    const uint64_t need = 1 + random() % 20;
    uint64_t run = 0, longest = 0;
    for (const bool free : usable) longest = std::max(longest, run = free ? run + 1 : 0);
    const Space before = space;
    Slots evicted;
    const auto got = space.allocate(need, evicted);
    REQUIRE(got.has_value() == (longest >= need));
    if (!got) {
      REQUIRE(evicted.empty());
      continue;
    }
    REQUIRE(space.uses().at(*got).bytes == need);
    for (const uint32_t slot : evicted) REQUIRE(ranks[slot] != 0);
    // Without any one of them there would have been no such place.
    for (const uint32_t spared : evicted) {
      Space fewer = before;
      for (const auto& [offset, use] : before.uses()) {
        const bool goes = std::count(evicted.begin(), evicted.end(), use.slot) && use.slot != spared;
        goes ? fewer.release(offset) : fewer.rank(offset, 0);
      }
      REQUIRE_FALSE(fewer.has_hole(need));
    }
  }
}
