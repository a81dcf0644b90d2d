// A service that dies, seen by the next one on the same file.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "arena/layout.h"
#include "child.h"
#include "fixture.h"

using namespace fixture;

namespace {

constexpr uint64_t kBytes = 5 * 64 * 1024;  // eleven small slots

// In a child: one service's life, left as it is by kill -9.
template <class Act>
void live_and_die(const ArenaOptions& o, Act act) {
  std::unique_ptr<Arena> arena;
  Child service([&] {
    std::string error;
    arena = Arena::open(o, error);
    if (!arena) return false;
    act(*arena);
    return arena->check_integrity().empty();
  });
  service.kill_and_wait();
}

void fill_payload(Arena& arena, SlotId id, uint8_t byte) {
  const auto info = arena.info(id);
  std::fill_n(arena.payload(id), info->geometry.payload_bytes(info->tokens), byte);
  for (uint32_t s = 0; s < info->geometry.stripes(); ++s) arena.digests(id)[s].fill(byte);
}

void put(const File& file, uint64_t offset, const void* bytes, size_t n) {
  const int fd = ::open(file.path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(pwrite(fd, bytes, n, static_cast<off_t>(offset)) == static_cast<ssize_t>(n));
  close(fd);
}

uint64_t record_at(SlotId id, size_t field) { return 4096 + uint64_t{id} * sizeof(arena::Record) + field; }

}  // namespace

TEST_CASE("sealed chunks survive kill -9 byte for byte; what was not sealed is free again") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  live_and_die(o, [](Arena& arena) {
    for (const uint8_t n : {1, 2, 3}) fill_payload(arena, sealed(arena, n, 32u - n), n);
    arena.reserve(key(4), ns(), small(), 32, 4, 0);
    const SlotId filling = arena.reserve(key(5), ns(), small(), 32, 5, 0);
    arena.filling(filling);
    arena.drop(sealed(arena, 6));
    sealed(arena, 1);  // a second seal that serves its pins only
  });
  const auto arena = open(o);
  CHECK(arena->incarnation() == 2);
  CHECK(arena->check_integrity() == "");
  for (const uint8_t n : {1, 2, 3}) {
    const SlotId id = arena->find(key(n));
    REQUIRE(id != kNoSlot);
    const auto info = arena->info(id);
    CHECK((info->tokens == 32u - n && info->pins == 0 && info->ns == ns() && info->geometry == small()));
    const uint8_t* payload = arena->payload(id);
    CHECK(std::count(payload, payload + small().payload_bytes(info->tokens), n) ==
          static_cast<long>(small().payload_bytes(info->tokens)));
    for (uint32_t s = 0; s < small().stripes(); ++s) CHECK((arena->filled(id, s) && arena->digests(id)[s][15] == n));
  }
  for (const uint64_t n : {4, 5, 6}) CHECK(arena->find(key(n)) == kNoSlot);
  CHECK(arena->stats().slots_used == 3);
  CHECK(arena->stats().quiescing == 0);
  bool lost = false;
  CHECK(arena->take_events(lost).empty());
  CHECK(lost);  // whoever follows events is told to list
  CHECK(arena->list().size() == 3);
}

TEST_CASE("the order of use survives a restart, and generations go on") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  live_and_die(o, [](Arena& arena) {
    for (uint64_t n = 0; n < 11; ++n) kept(arena, n);
    arena.find(key(0));
  });
  const auto arena = open(o);
  const SlotId oldest = arena->find(key(1));
  const uint32_t generation = arena->info(oldest)->generation;
  arena->find(key(2));
  std::vector<uint64_t> gone;
  for (uint64_t n = 100; n < 108; ++n) sealed(*arena, n);
  for (uint64_t n = 0; n < 11; ++n) {
    if (arena->find(key(n)) == kNoSlot) gone.push_back(n);
  }
  CHECK(gone == std::vector<uint64_t>{3, 4, 5, 6, 7, 8, 9, 10});
  arena->drop(oldest);
  const SlotId again = sealed(*arena, 200);
  CHECK(again == oldest);
  CHECK(arena->info(again)->generation == generation + 1);
}

TEST_CASE("a slot that a live engine may write to waits for that engine, across restarts") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  Child engine([] { return true; });
  for (int restart = 0; restart < 2; ++restart) {
    live_and_die(o, [&](Arena& arena) {
      if (restart == 0) arena.reserve(key(1), ns(), small(), 32, 1, engine.pid());
    });
  }
  {
    const auto arena = open(o);
    CHECK(arena->stats().quiescing == 1);
    CHECK(arena->find(key(1)) == kNoSlot);
    CHECK(arena->check_integrity() == "");
    std::vector<uint32_t> all(11, 32);
    CHECK_FALSE(arena->fits(small(), all));
  }
  engine.kill_and_wait();
  const auto arena = open(o);
  CHECK(arena->incarnation() == 4);
  CHECK(arena->stats().slots_used == 0);
}

TEST_CASE("a process that has the dead writer's pid but another start time is not taken for it") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  live_and_die(o, [&](Arena& arena) { arena.reserve(key(1), ns(), small(), 32, 1, getppid()); });
  const uint64_t other_start = 1;
  put(file, record_at(0, offsetof(arena::Record, writer_start)), &other_start, 8);
  CHECK(open(o)->stats().slots_used == 0);
}

TEST_CASE("a second service on a live arena is refused, whoever else holds its descriptor") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  int engines_copy = -1;
  {
    const auto arena = open(o);
    engines_copy = dup(arena->fd());
    CHECK(refusal(o).find("in use by another live transfer service") != std::string::npos);
    Child other([&] {
      std::string error;
      return Arena::open(o, error) == nullptr && error.find("in use") != std::string::npos;
    });
  }
  CHECK(open(o)->incarnation() == 2);  // an engine's copy does not keep the lock
  close(engines_copy);
}

TEST_CASE("a file that is not this arena is refused and left alone") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  live_and_die(o, [](Arena& arena) { kept(arena, 1); });
  ArenaOptions other = o;
  other.bytes += 64 * 1024;
  CHECK(refusal(other).find("configured are 393216 and 64") != std::string::npos);
  other = o;
  other.slots_max = 63;
  CHECK(refusal(other).find("configured are 327680 and 63") != std::string::npos);
  const uint32_t version = 2, right_version = arena::kLayoutVersion;
  put(file, offsetof(arena::Superblock, version), &version, 4);
  CHECK(refusal(o).find("layout version 2") != std::string::npos);
  put(file, offsetof(arena::Superblock, version), &right_version, 4);
  CHECK(open(o)->find(key(1)) != kNoSlot);
  put(file, 0, "NOTARENA", 8);
  CHECK(refusal(o).find("is not an arena file") != std::string::npos);
  REQUIRE(truncate(file.path.c_str(), 17) == 0);
  CHECK(refusal(o).find("is not an arena file") != std::string::npos);
}

TEST_CASE("a file whose making was interrupted is made anew") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  live_and_die(o, [](Arena& arena) { kept(arena, 1); });
  const uint64_t none = 0;
  put(file, 0, &none, 8);
  const auto arena = open(o);
  CHECK(arena->incarnation() == 1);
  CHECK(arena->stats().slots_used == 0);
}

TEST_CASE("records that cannot be true are dropped, the others are kept") {
  const File file;
  const ArenaOptions o = options(file, kBytes);
  std::array<uint64_t, 6> offsets{};
  live_and_die(o, [](Arena& arena) {
    for (uint64_t n = 0; n < 6; ++n) kept(arena, n);
  });
  {
    const auto arena = open(o);
    for (uint64_t n = 0; n < 6; ++n) offsets[n] = arena->info(static_cast<SlotId>(n))->offset;
  }
  const uint64_t outside = offsets[0] + kBytes, odd = offsets[1] + 1, overlap = offsets[5] + 4096, huge = UINT64_MAX - 4095;
  const uint32_t tokens = 33;
  put(file, record_at(0, offsetof(arena::Record, offset)), &outside, 8);
  put(file, record_at(1, offsetof(arena::Record, offset)), &odd, 8);
  put(file, record_at(2, offsetof(arena::Record, offset)), &overlap, 8);
  put(file, record_at(3, offsetof(arena::Record, tokens)), &tokens, 4);
  put(file, record_at(4, offsetof(arena::Record, bytes)), &huge, 8);
  const auto arena = open(o);
  CHECK(arena->check_integrity() == "");
  for (uint64_t n = 0; n < 5; ++n) CHECK(arena->find(key(n)) == kNoSlot);
  CHECK(arena->find(key(5)) != kNoSlot);
}

TEST_CASE("an arena that does not fit its file system is an error at the start and leaves no file") {
  const File file;
  struct statfs status;
  REQUIRE(statfs(file.path.substr(0, file.path.rfind('/')).c_str(), &status) == 0);
  // More than the whole file system: refused before anything is allocated. Where it is not a limited tmpfs, the
  // process's own limit stands in.
  const uint64_t whole = static_cast<uint64_t>(status.f_blocks) * static_cast<uint64_t>(status.f_bsize);
  const bool tmpfs = status.f_type == 0x01021994 && whole > 0;
  ArenaOptions o = options(file, tmpfs ? (whole / 65536 + 1) * 65536 : 1u << 30);
  Child service([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 20, 1 << 20};
    if (!tmpfs && setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    std::string error;
    return Arena::open(o, error) == nullptr && error.find(tmpfs ? "no room for an arena of" : "failed") != std::string::npos;
  });
  CHECK_FALSE(file.exists());
}

TEST_CASE("options that make no sense are refused with what to do") {
  const File file;
  CHECK(refusal({"", 65536, 1, true}) == "the arena has no path");
  CHECK(refusal({file.path, 65537, 1, true}).find("multiple of 65536") != std::string::npos);
  CHECK(refusal({file.path, 0, 1, true}).find("multiple of 65536") != std::string::npos);
  CHECK(refusal({file.path, 65536, 0, true}).find("slots must be") != std::string::npos);
  CHECK(refusal({"/nowhere/at/all", 65536, 1, true}).find("its folder must exist") != std::string::npos);
  CHECK_FALSE(file.exists());
}
