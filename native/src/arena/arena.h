#pragma once
// A node's shared memory and the directory of what stands in it. Used by one thread of the service; engines map the
// same file and read records and headers through arena/view.h.
//
// States of a slot: free → reserved → filling → sealed → free, with quiescing between an abort and free while its
// writer may still write.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arena/process.h"
#include "base/types.h"

namespace baton {

using SlotId = uint32_t;
inline constexpr SlotId kNoSlot = UINT32_MAX;

struct ArenaOptions {
  std::string path;        // on tmpfs or hugetlbfs
  uint64_t bytes = 0;      // of chunk memory (multiple of 64 KiB); superblock and tables come on top
  uint32_t slots_max = 65536;
  bool prefault = true;
};

struct SlotInfo {          // a copy of what the directory knows of one slot
  Key key{};
  Namespace ns{};
  Geometry geometry{};
  uint32_t tokens = 0, generation = 0, pins = 0;
  uint64_t offset = 0, bytes = 0, fill = 0;
  bool sealed = false, indexed = false;
};

struct ArenaStats { uint64_t bytes_total, bytes_used, bytes_pinned, bytes_sealed; uint32_t slots_used, pins, quiescing; uint64_t evictions, double_seals; };

enum class ChunkEvent : uint8_t { stored = 1, removed = 2 };

class Arena {
 public:
  // Creates the file or takes an existing one over: lock, incarnation + 1, sealed slots kept, the others quiescing
  // until their writer's process is gone or has confirmed. On failure null and `error` says what to do.
  static std::unique_ptr<Arena> open(const ArenaOptions&, std::string& error,
                                     const Processes& = Processes::system());
  virtual ~Arena() = default;

  virtual int fd() const = 0;                    // to hand to engines (SCM_RIGHTS)
  virtual uint64_t file_bytes() const = 0;
  virtual uint64_t incarnation() const = 0;

  // A slot for one chunk, evicting least recently used sealed unpinned ones as needed; the slot is pinned once by the
  // reservation. `writer_pid` is 0 for the service itself. kNoSlot when there is no room.
  virtual SlotId reserve(const Key&, const Namespace&, const Geometry&, uint32_t tokens, uint64_t fill, int32_t writer_pid) = 0;
  // Room that reserve could find now for slots of these token counts: true when all would fit together, reserved in
  // this order with nothing else in between.
  virtual bool fits(const Geometry&, std::span<const uint32_t> tokens) const = 0;
  virtual void filling(SlotId) = 0;
  // All stripes are in and verified. Returns false when the key already has another sealed slot: this one then serves
  // its pins and is freed with the last of them.
  virtual bool seal(SlotId) = 0;
  // Unsealed slot that nobody writes any more: free at once. With a live writer: quiescing until quiesced(). Its pins
  // are void: there is nothing to read.
  virtual void abandon(SlotId, bool writer_may_write) = 0;
  virtual void quiesced(SlotId) = 0;
  // Frees every quiescing slot whose writer's process is gone; reserve() does so itself when it needs room.
  virtual void reap() = 0;
  // A process writes no more to slots that an earlier incarnation gave it.
  virtual void confirmed(int32_t writer_pid) = 0;

  virtual SlotId find(const Key&) = 0;           // sealed slot of this key, touched as most recently used, or kNoSlot
  virtual void pin(SlotId) = 0;
  // At zero pins an indexed slot becomes evictable, as the most recently used; others are freed (an unsealed one as by
  // abandon). Chunks of one prompt are best unpinned last one first: a chain is worth what its beginning is.
  virtual void unpin(SlotId) = 0;
  virtual void drop(SlotId) = 0;                 // found to be corrupt: out of the index now, freed at zero pins

  virtual std::optional<SlotInfo> info(SlotId) const = 0;
  virtual bool stale(SlotId, uint32_t generation) const = 0;

  // Header and payload of a slot in this mapping.
  virtual uint8_t* payload(SlotId) = 0;          // stripe (layer, head) at (layer*heads+head)*stripe_bytes(tokens)
  virtual Digest* digests(SlotId) = 0;           // one per stripe
  virtual bool filled(SlotId, uint32_t stripe) const = 0;          // acquire
  virtual void set_filled(SlotId, uint32_t stripe_first, uint32_t count) = 0;  // release

  // Events since the last call, oldest first: (key, namespace, stored|removed). Bounded; `lost` tells to re-list, as it
  // does once after chunks of an earlier incarnation were taken over.
  struct Event { ChunkEvent kind; Key key; Namespace ns; uint32_t tokens; };
  virtual std::vector<Event> take_events(bool& lost) = 0;
  virtual std::vector<Event> list() const = 0;   // every indexed chunk as `stored`
  virtual ArenaStats stats() const = 0;
  // Null when all internal sums agree, else what is wrong. For tests and idle checks.
  virtual std::string check_integrity() const = 0;
};

}  // namespace baton
