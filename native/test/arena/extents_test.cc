#include "arena/extents.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using baton::arena::Extents;

namespace {

// One flag per granule.
struct Bitmap {
  std::vector<bool> used;
  explicit Bitmap(size_t n) : used(n) {}
  void set(size_t at, size_t n, bool value) {
    for (size_t i = at; i < at + n; ++i) {
      REQUIRE(used[i] != value);
      used[i] = value;
    }
  }
  bool is_free(size_t at, size_t n) const {
    for (size_t i = at; i < at + n; ++i) {
      if (i >= used.size() || used[i]) return false;
    }
    return true;
  }
  // (size, offset) of the smallest hole of at least n, lowest first; size 0 = none.
  std::pair<size_t, size_t> best(size_t n) const {
    std::pair<size_t, size_t> best{0, 0};
    for (size_t at = 0; at < used.size();) {
      size_t end = at;
      while (end < used.size() && !used[end]) ++end;
      if (end - at >= n && (best.first == 0 || end - at < best.first)) best = {end - at, at};
      at = end + 1;
    }
    return best;
  }
};

}  // namespace

TEST_CASE("allocation, release and taking agree with a bitmap over random operations") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    constexpr size_t kSize = 300;
    constexpr uint64_t kBegin = 1000;
    Extents extents(kBegin, kSize);
    Bitmap bitmap(kSize);
    std::vector<std::pair<size_t, size_t>> held;
    for (int step = 0; step < 2000; ++step) {
      const size_t n = 1 + random() % 40;
      const auto kind = random() % 10;
      if (kind < 4) {
        const auto [size, at] = bitmap.best(n);
        const auto got = extents.allocate(n);
        REQUIRE(got.has_value() == (size != 0));
        if (!got) continue;
        REQUIRE(*got == kBegin + at);
        bitmap.set(at, n, true);
        held.emplace_back(at, n);
      } else if (kind < 6) {
        const size_t at = random() % kSize;
        const bool free = bitmap.is_free(at, n);
        REQUIRE(extents.take(kBegin + at, n) == free);
        if (!free) continue;
        bitmap.set(at, n, true);
        held.emplace_back(at, n);
      } else if (!held.empty()) {
        const size_t which = random() % held.size();
        const auto [at, size] = held[which];
        held.erase(held.begin() + static_cast<long>(which));
        const uint64_t joined = extents.joined(kBegin + at, size);
        bitmap.set(at, size, false);
        extents.release(kBegin + at, size);
        size_t low = at, high = at + size;
        while (low > 0 && !bitmap.used[low - 1]) --low;
        while (high < kSize && !bitmap.used[high]) ++high;
        REQUIRE(joined == high - low);
        REQUIRE(extents.holes().at(kBegin + low) == high - low);
      }
      uint64_t free = 0, largest = 0;
      for (const auto& [offset, bytes] : extents.holes()) {
        REQUIRE(bitmap.is_free(offset - kBegin, bytes));
        free += bytes;
        largest = std::max(largest, bytes);
      }
      REQUIRE(free == static_cast<uint64_t>(std::count(bitmap.used.begin(), bitmap.used.end(), false)));
      REQUIRE(extents.free_bytes() == free);
      REQUIRE(extents.largest() == largest);
    }
    for (const auto& [at, size] : held) extents.release(kBegin + at, size);
    REQUIRE(extents.holes().size() == 1);
    REQUIRE(extents.free_bytes() == kSize);
  }
}
