// The arena file read with nothing but the numbers of docs/wire.md §Arena.
#include <fcntl.h>

#include <cstring>

#include "base/digest.h"
#include "fixture.h"

using namespace fixture;

namespace {

struct Raw {
  int fd;
  explicit Raw(const File& file) : fd(::open(file.path.c_str(), O_RDWR | O_CLOEXEC)) { REQUIRE(fd >= 0); }
  ~Raw() { close(fd); }
  template <class T>
  T at(uint64_t offset) const {
    T value;
    REQUIRE(pread(fd, &value, sizeof value, static_cast<off_t>(offset)) == sizeof value);
    return value;
  }
  uint32_t u32(uint64_t offset) const { return at<uint32_t>(offset); }
  uint64_t u64(uint64_t offset) const { return at<uint64_t>(offset); }
};

struct Found {
  uint64_t record = 0, slot = 0, payload = 0, stripe_bytes = 0;
  uint32_t stripes = 0;
};

Found find(const Raw& raw, const Key& key) {
  for (uint32_t s = 0; s < raw.u32(12); ++s) {
    const uint64_t record = raw.u64(40) + 192 * uint64_t{s};
    if (raw.u32(record) != 3 || raw.at<Key>(record + 8) != key) continue;
    Found f;
    f.record = record;
    f.slot = raw.u64(record + 120);
    f.stripes = raw.u32(record + 72) * raw.u32(record + 76);
    uint64_t token_bytes = 0;
    for (uint32_t p = 0; p < raw.u32(record + 80); ++p) token_bytes += raw.u32(record + 84 + 4 * p);
    f.stripe_bytes = raw.u32(record + 104) * token_bytes;
    f.payload = f.slot + (16 * uint64_t{f.stripes} + 8 * ((f.stripes + 63) / 64) + 4095) / 4096 * 4096;
    return f;
  }
  return {};
}

}  // namespace

TEST_CASE("the documented offsets lead from a key to its bytes, digests and filled bits") {
  const File file;
  const auto arena = open(options(file, 4 << 20, 10));
  const Geometry g{32, 8, 2, {16, 8}, 64};  // 256 stripes: digests fill a page, the bitmap begins the next one
  kept(*arena, 7);
  const SlotId id = arena->reserve(key(1), ns(9), g, 21, 1234, getpid());
  const Raw raw(file);
  CHECK(std::memcmp(raw.at<std::array<char, 8>>(0).data(), "BATONARN", 8) == 0);
  CHECK((raw.u32(8) == 1 && raw.u32(12) == 10 && raw.u64(16) == 1));
  CHECK((raw.u32(24) == static_cast<uint32_t>(getpid()) && raw.u32(28) == 192));
  CHECK((raw.u64(32) == arena->file_bytes() && raw.u64(40) == 4096 && raw.u64(56) == 32));
  CHECK((raw.u64(64) % 65536 == 0 && raw.u64(72) == 4 << 20));
  CHECK(find(raw, key(1)).record == 0);  // not sealed yet
  const uint64_t stripe_bytes = g.stripe_bytes(21);
  for (uint32_t s = 0; s < g.stripes(); ++s) {
    uint8_t* stripe = arena->payload(id) + s * stripe_bytes;
    std::memset(stripe, static_cast<int>(s + 1), stripe_bytes);
    arena->digests(id)[s] = stripe_digest(key(1), s / 8, s % 8, stripe, stripe_bytes);
  }
  arena->set_filled(id, 0, 200);
  REQUIRE(arena->seal(id));
  const Found f = find(raw, key(1));
  REQUIRE(f.record != 0);
  CHECK(raw.u32(f.record + 4) == arena->info(id)->generation);
  CHECK(raw.at<Namespace>(f.record + 40) == ns(9));
  CHECK((raw.u32(f.record + 100) == 64 && raw.u32(f.record + 104) == 21 && raw.u64(f.record + 136) == 1234));
  CHECK((raw.u64(f.record + 128) == arena->info(id)->bytes && raw.u32(f.record + 144) == 1));
  CHECK(raw.u64(f.record + 128) == 8192 + 256 * 32 * 24);  // the class of half a chunk
  CHECK(f.stripe_bytes == stripe_bytes);
  for (uint32_t s = 0; s < f.stripes; ++s) {
    REQUIRE(raw.at<Digest>(f.slot + 16 * s) == arena->digests(id)[s]);
    REQUIRE((raw.u64(f.slot + 16 * f.stripes + s / 64 * 8) >> (s % 64) & 1) == (s < 200));
    REQUIRE(raw.at<uint8_t>(f.payload + s * f.stripe_bytes) == static_cast<uint8_t>(s + 1));
    REQUIRE(raw.at<uint8_t>(f.payload + (s + 1) * f.stripe_bytes - 1) == static_cast<uint8_t>(s + 1));
  }
}

TEST_CASE("the documented index leads to every held key, and a bit flipped in the file fails its stripe's digest") {
  const File file;
  const auto arena = open(options(file, 1 << 20, 30));
  for (uint64_t n = 0; n < 20; ++n) kept(*arena, n);
  const Raw raw(file);
  for (uint64_t n = 0; n < 25; ++n) {
    const Key k = key(n);
    uint64_t first;
    std::memcpy(&first, k.data(), 8);
    bool found = false;
    for (uint64_t at = first % raw.u64(56);; at = (at + 1) % raw.u64(56)) {
      const uint32_t entry = raw.u32(raw.u64(48) + 4 * at);
      if (entry == 0) break;
      found |= raw.at<Key>(raw.u64(40) + 192 * uint64_t{entry - 1} + 8) == k;
    }
    CHECK(found == (n < 20));
  }
  const SlotId id = arena->find(key(3));
  const uint64_t bytes = small().stripe_bytes(32);
  const uint8_t* stripe = arena->payload(id) + 4 * bytes;
  const Digest right = stripe_digest(key(3), 1, 1, stripe, bytes);
  const Found f = find(raw, key(3));
  const auto flipped = static_cast<uint8_t>(raw.at<uint8_t>(f.payload + 4 * f.stripe_bytes + 77) ^ 8);
  REQUIRE(pwrite(raw.fd, &flipped, 1, static_cast<off_t>(f.payload + 4 * f.stripe_bytes + 77)) == 1);
  CHECK(stripe_digest(key(3), 1, 1, stripe, bytes) != right);
}
