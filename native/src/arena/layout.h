#pragma once
// The arena file byte by byte (docs/wire.md §Arena). Shared by the service, which alone writes superblock, records and
// index, and by engines that map the file. Every field that may be read while it changes is an atomic.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/types.h"

namespace baton::arena {

inline constexpr uint64_t kMagic = 0x4e52414e4f544142;      // "BATONARN"
inline constexpr uint32_t kLayoutVersion = 1;
inline constexpr uint64_t kGranule = 4096;               // bytes; unit of chunk memory and alignment of payloads
inline constexpr uint64_t kMemoryAlignment = 64 * 1024;  // bytes; of the start of chunk memory

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

enum class SlotState : uint32_t { free = 0, reserved = 1, filling = 2, sealed = 3, quiescing = 4 };

struct Superblock {
  std::atomic<uint64_t> magic;          // 0, written last when a file is made
  uint32_t version;                     // 8
  uint32_t slots_max;                   // 12
  std::atomic<uint64_t> incarnation;    // 16
  std::atomic<int32_t> service_pid;     // 24
  uint32_t record_bytes;                // 28
  uint64_t file_bytes;                  // 32
  uint64_t records_offset;              // 40
  uint64_t index_offset;                // 48
  uint64_t index_entries;               // 56, a power of two
  uint64_t memory_offset;               // 64
  uint64_t memory_bytes;                // 72
  std::atomic<uint64_t> index_version;  // 80, odd while entries move
};
static_assert(sizeof(Superblock) == 88 && offsetof(Superblock, index_version) == 80);

struct Record {
  std::atomic<uint64_t> head;                    // 0: low half state, high half generation
  std::array<std::atomic<uint64_t>, 4> key;      // 8
  std::array<std::atomic<uint64_t>, 4> ns;       // 40
  std::array<std::atomic<uint32_t>, 8> geometry; // 72: layers, heads, planes, plane_bytes × 4, chunk_tokens
  std::atomic<uint32_t> tokens;                  // 104
  std::atomic<int32_t> writer_pid;               // 108: 0 = the service
  std::atomic<uint64_t> writer_start;            // 112: its start time in clock ticks after boot
  std::atomic<uint64_t> offset;                  // 120: of the slot in the file
  std::atomic<uint64_t> bytes;                   // 128: of the slot, header included
  std::atomic<uint64_t> fill;                    // 136
  std::atomic<uint32_t> indexed;                 // 144: 1 = found by its key
  uint32_t unused0;
  std::atomic<uint64_t> used;                    // 152: rank of its last use, larger is more recent
  std::array<uint64_t, 4> unused1;               // 160
};
static_assert(sizeof(Record) == 192 && offsetof(Record, used) == 152);

inline uint64_t pack_head(SlotState state, uint32_t generation) {
  return static_cast<uint64_t>(generation) << 32 | static_cast<uint32_t>(state);
}
inline SlotState state_of(uint64_t head) { return static_cast<SlotState>(head & UINT32_MAX); }
inline uint32_t generation_of(uint64_t head) { return static_cast<uint32_t>(head >> 32); }

using Words = std::array<uint64_t, 4>;  // a key or namespace
inline Words words_of(const Key& bytes) {
  Words words;
  std::memcpy(words.data(), bytes.data(), sizeof words);
  return words;
}
inline Key bytes_of(const Words& words) {
  Key bytes;
  std::memcpy(bytes.data(), words.data(), sizeof words);
  return bytes;
}

inline constexpr uint64_t round_up(uint64_t n, uint64_t unit) { return (n + unit - 1) / unit * unit; }

// A slot: [digest of each stripe][filled bitmap, u64 per 64 stripes][gap][payload].
inline uint64_t bitmap_offset(const Geometry& g) { return uint64_t{g.stripes()} * sizeof(Digest); }
inline uint64_t bitmap_words(const Geometry& g) { return (uint64_t{g.stripes()} + 63) / 64; }
inline uint64_t header_bytes(const Geometry& g) {
  return round_up(bitmap_offset(g) + bitmap_words(g) * sizeof(uint64_t), kGranule);
}
// Bit s % 64 of word s / 64 says that bytes and digest of stripe s are in place.
inline bool bit_filled(const std::atomic<uint64_t>* bitmap, uint32_t stripe) {
  return bitmap[stripe / 64].load(std::memory_order_acquire) >> (stripe % 64) & 1;
}
void set_bits_filled(std::atomic<uint64_t>* bitmap, uint32_t stripe_first, uint32_t count);  // release

// Slots come in five sizes per geometry, so that memory freed by one tail serves the next one.
inline uint32_t class_tokens(const Geometry& g, uint32_t tokens) {
  for (uint32_t parts = 16; parts > 1; parts /= 2) {
    const uint32_t limit = (g.chunk_tokens + parts - 1) / parts;
    if (tokens <= limit) return limit;
  }
  return g.chunk_tokens;
}
inline uint64_t slot_bytes(const Geometry& g, uint32_t tokens) {
  return header_bytes(g) + round_up(g.payload_bytes(class_tokens(g, tokens)), kGranule);
}

}  // namespace baton::arena
