#pragma once
// What an engine's process sees of its node's arena: the same file, mapped. Finds slots, writes digests and filled
// bits, and answers "is this chunk held?" from the shared index without a lock or a system call.
// All functions may be called from any thread.
#include <cstdint>
#include <memory>
#include <string>

#include "arena/layout.h"
#include "base/types.h"

namespace baton::arena {

// One slot in this mapping. Stripe (layer, head) stands at payload + (layer*heads+head) * stripe_bytes(tokens).
struct Place {
  Geometry geometry{};
  Key key{};
  Namespace ns{};
  uint32_t tokens = 0;
  uint64_t fill = 0;
  bool sealed = false;
  Digest* digests = nullptr;                // one per stripe
  std::atomic<uint64_t>* bitmap = nullptr;  // bit s % 64 of word s / 64: stripe s is filled
  uint8_t* payload = nullptr;

  uint8_t* stripe(uint32_t layer, uint32_t head) const {
    return payload + (uint64_t{layer} * geometry.heads + head) * geometry.stripe_bytes(tokens);
  }
  uint32_t stripe_index(uint32_t layer, uint32_t head) const { return layer * geometry.heads + head; }
  bool filled(uint32_t stripe) const;                          // acquire: bytes and digest are visible
  void set_filled(uint32_t stripe_first, uint32_t count) const;  // release: after bytes and digests
};

class View {
 public:
  // Maps the whole file read-write. The descriptor may be closed afterwards.
  static std::unique_ptr<View> map(int fd, std::string& error);
  // Over a mapping that outlives the view.
  static std::unique_ptr<View> over(uint8_t* base, uint64_t bytes, std::string& error);
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  uint64_t incarnation() const { return super().incarnation.load(std::memory_order_acquire); }
  uint64_t bytes() const { return bytes_; }

  // True when a sealed chunk of this key stood in the arena at one moment of the call. Under a storm of evictions it
  // may answer false for a chunk that is held; never true for one that is not.
  bool holds(const Key&) const;

  // False when the slot has another generation by now or is not to be touched any more (free, quiescing).
  bool place(uint32_t slot, uint32_t generation, Place& out) const;
  // Still this generation and neither free nor quiescing? Asked after bytes were read without a pin that is sure.
  bool current(uint32_t slot, uint32_t generation) const;

 private:
  View(uint8_t* base, uint64_t bytes, bool owned) : base_(base), bytes_(bytes), owned_(owned) {}
  const Superblock& super() const { return *reinterpret_cast<const Superblock*>(base_); }
  const Record& record(uint32_t slot) const {
    return reinterpret_cast<const Record*>(base_ + super().records_offset)[slot];
  }

  uint8_t* base_;
  uint64_t bytes_;
  bool owned_;
};

}  // namespace baton::arena
