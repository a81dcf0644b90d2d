#pragma once
// An arena of its own on tmpfs for one test, and short names for what tests put into it.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>

#include "arena/arena.h"

namespace fixture {

using namespace baton;

inline std::string unique_path() {
  static std::atomic<int> count{0};
  const char* folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  return std::string(folder) + "/baton-test-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

struct File {
  std::string path = unique_path();
  ~File() { unlink(path.c_str()); }
  bool exists() const {
    struct stat status;
    return stat(path.c_str(), &status) == 0;
  }
};

inline Geometry small() { return {2, 3, 2, {64, 64}, 32}; }  // 24 KiB of payload and 4 KiB of header
inline constexpr uint64_t kSmallSlot = 28 * 1024;

inline Key key(uint64_t n) {
  Key k{};
  uint64_t state = n + 1;
  for (uint8_t& byte : k) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return k;
}

inline Namespace ns(uint8_t n = 1) {
  Namespace out{};
  out.fill(n);
  return out;
}

inline ArenaOptions options(const File& file, uint64_t bytes, uint32_t slots = 64) {
  return {file.path, bytes, slots, true};
}

inline std::unique_ptr<Arena> open(const ArenaOptions& o) {
  std::string error;
  auto arena = Arena::open(o, error);
  REQUIRE_MESSAGE(arena != nullptr, error);
  return arena;
}

inline std::string refusal(const ArenaOptions& o) {
  std::string error;
  REQUIRE(Arena::open(o, error) == nullptr);
  return error;
}

// Reserves, fills and seals; still pinned once.
inline SlotId sealed(Arena& arena, uint64_t n, uint32_t tokens = 32) {
  const SlotId id = arena.reserve(key(n), ns(), small(), tokens, n, 0);
  REQUIRE(id != kNoSlot);
  arena.set_filled(id, 0, small().stripes());
  arena.seal(id);
  return id;
}

// Sealed and not pinned: may be evicted.
inline SlotId kept(Arena& arena, uint64_t n, uint32_t tokens = 32) {
  const SlotId id = sealed(arena, n, tokens);
  arena.unpin(id);
  return id;
}

}  // namespace fixture
