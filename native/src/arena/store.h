#pragma once
// The arena behind arena.h, put together from its parts. Split by file: store.cc (slots' lives), recover.cc (taking a
// file over), integrity.cc (naive recomputation).
#include <memory>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "arena/directory.h"
#include "arena/memory.h"
#include "arena/slots.h"
#include "arena/space.h"

namespace baton::arena {

class Store final : public Arena {
 public:
  Store(std::unique_ptr<Memory>, const Processes&);

  int fd() const override { return memory_->share_fd(); }
  uint64_t file_bytes() const override { return memory_->super().file_bytes; }
  uint64_t incarnation() const override { return memory_->super().incarnation.load(std::memory_order_relaxed); }

  SlotId reserve(const Key&, const Namespace&, const Geometry&, uint32_t tokens, uint64_t fill,
                 int32_t writer_pid) override;
  bool fits(const Geometry&, std::span<const uint32_t> tokens) const override;
  void filling(SlotId) override;
  bool seal(SlotId) override;
  void abandon(SlotId, bool writer_may_write) override;
  void quiesced(SlotId) override;
  void reap() override;
  void confirmed(int32_t writer_pid) override;

  SlotId find(const Key&) override;
  void pin(SlotId) override;
  void unpin(SlotId) override;
  void drop(SlotId) override;

  std::optional<SlotInfo> info(SlotId) const override;
  bool stale(SlotId, uint32_t generation) const override;

  uint8_t* payload(SlotId) override;
  Digest* digests(SlotId) override;
  bool filled(SlotId, uint32_t stripe) const override;
  void set_filled(SlotId, uint32_t stripe_first, uint32_t count) override;

  std::vector<Event> take_events(bool& lost) override { return directory_.take_events(lost); }
  std::vector<Event> list() const override;
  ArenaStats stats() const override;
  std::string check_integrity() const override;

 private:
  void recover();
  bool adopt(SlotId, Slot&);
  bool writer_lives(const Slot& slot) const { return processes_.lives(slot.writer, slot.writer_start); }

  Slot* get(SlotId id) { return id < slots_.size() && slots_[id].state != SlotState::free ? &slots_[id] : nullptr; }
  const Slot* get(SlotId id) const { return const_cast<Store*>(this)->get(id); }
  Record& record(SlotId id) const { return memory_->records()[id]; }
  std::atomic<uint64_t>* bitmap(const Slot&) const;
  void begin_header(const Slot&);
  void set_state(SlotId, Slot&, SlotState);
  void touch(SlotId, Slot&);
  void unpin_all(Slot&);
  void end(SlotId, Slot&);           // to free; its extent is released
  void end_evicted(SlotId, Slot&);   // to free; its extent is somebody else's already
  void unindex(SlotId, Slot&);

  const Processes& processes_;
  std::unique_ptr<Memory> memory_;
  std::vector<Slot> slots_;
  std::vector<SlotId> free_;         // taken from the back
  Space space_;
  Directory directory_;
  std::vector<SlotId> quiescing_, evicted_;
  uint64_t uses_ = 0;                // rank of the latest use
  uint64_t pins_ = 0, bytes_pinned_ = 0, bytes_sealed_ = 0, evictions_ = 0, double_seals_ = 0;
};

}  // namespace baton::arena
