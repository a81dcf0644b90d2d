#include "arena/store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/planted.h"

namespace baton {

std::unique_ptr<Arena> Arena::open(const ArenaOptions& options, std::string& error, const Processes& processes) {
  auto memory = arena::Memory::open(options, error);
  return memory ? std::make_unique<arena::Store>(std::move(memory), processes) : nullptr;
}

namespace arena {

Store::Store(std::unique_ptr<Memory> memory, const Processes& processes)
    : processes_(processes),
      memory_(std::move(memory)),
      slots_(memory_->super().slots_max),
      space_(memory_->super().memory_offset, memory_->super().memory_bytes, memory_->super().slots_max),
      directory_(memory_->index()) {
  recover();
}

SlotId Store::reserve(const Key& key, const Namespace& ns, const Geometry& geometry, uint32_t tokens, uint64_t fill,
                      int32_t writer_pid) {
  if (geometry.refusal() || tokens == 0 || tokens > geometry.chunk_tokens) return kNoSlot;
  const uint64_t bytes = slot_bytes(geometry, tokens);
  if (!space_.has_hole(bytes)) reap();
  evicted_.clear();
  const std::optional<uint64_t> offset = space_.allocate(bytes, evicted_);
  for (const SlotId victim : evicted_) end_evicted(victim, slots_[victim]);
  evictions_ += evicted_.size();
  if (!offset) return kNoSlot;
  const SlotId id = free_.back();
  free_.pop_back();
  space_.name(*offset, id);
  Slot& slot = slots_[id];
  const uint32_t generation = slot.generation + 1;
  slot = Slot{};
  slot.generation = generation;
  slot.tokens = tokens;
  slot.pins = 1;
  slot.writer = writer_pid;
  slot.writer_start = writer_pid > 0 ? processes_.start_time(writer_pid) : 0;
  slot.key = key;
  slot.ns = ns;
  slot.geometry = geometry;
  slot.offset = *offset;
  slot.bytes = bytes;
  slot.fill = fill;
  ++pins_;
  bytes_pinned_ += bytes;
  write_head(record(id), slot);  // free, of the new generation: whoever reads the fields below sees it has ended
  write_fields(record(id), slot);
  begin_header(slot);
  set_state(id, slot, SlotState::reserved);
  return id;
}

bool Store::fits(const Geometry& geometry, std::span<const uint32_t> tokens) const {
  if (geometry.refusal()) return false;
  for (const uint32_t n : tokens) {
    if (n == 0 || n > geometry.chunk_tokens) return false;
  }
  // Done as reserve() would do it: without evicting if possible, on the few holes alone.
  if (space_.uses().size() + tokens.size() <= slots_.size()) {
    Extents extents = space_.extents();
    if (std::all_of(tokens.begin(), tokens.end(),
                    [&](uint32_t n) { return extents.allocate(slot_bytes(geometry, n)).has_value(); })) {
      return true;
    }
  }
  Space space = space_;
  std::vector<SlotId> evicted;
  bool reaped = false;
  for (const uint32_t n : tokens) {
    const uint64_t bytes = slot_bytes(geometry, n);
    if (!reaped && !space.has_hole(bytes)) {
      reaped = true;
      for (const SlotId id : quiescing_) {
        const Slot& slot = slots_[id];
        if (slot.writer > 0 && !writer_lives(slot)) space.release(slot.offset);
      }
    }
    if (!space.allocate(bytes, evicted)) return false;
  }
  return true;
}

void Store::filling(SlotId id) {
  Slot* slot = get(id);
  if (slot && slot->state == SlotState::reserved) set_state(id, *slot, SlotState::filling);
}

bool Store::seal(SlotId id) {
  Slot* slot = get(id);
  if (!slot || !slot->unsealed()) return false;
  slot->used = ++uses_;
  slot->writer = 0;  // nobody writes a sealed slot
  slot->indexed = !directory_.find(slot->key).has_value();
  if (!slot->indexed) ++double_seals_;
  bytes_sealed_ += slot->bytes;
  write_fields(record(id), *slot);
  set_state(id, *slot, SlotState::sealed);
  return slot->indexed && directory_.add(id, *slot);
}

void Store::abandon(SlotId id, bool writer_may_write) {
  Slot* slot = get(id);
  if (!slot || !slot->unsealed()) return;
  unpin_all(*slot);
  if (writer_may_write && (slot->writer <= 0 || writer_lives(*slot)) && !planted(Planted::early_reuse)) {
    set_state(id, *slot, SlotState::quiescing);
    quiescing_.push_back(id);
  } else {
    end(id, *slot);
  }
}

void Store::quiesced(SlotId id) {
  Slot* slot = get(id);
  if (!slot || slot->state != SlotState::quiescing) return;
  std::erase(quiescing_, id);
  end(id, *slot);
}

void Store::reap() {
  std::map<std::pair<int32_t, uint64_t>, bool> living;  // each process is asked for once
  const std::vector<SlotId> waiting = quiescing_;
  for (const SlotId id : waiting) {
    const Slot& slot = slots_[id];
    if (slot.writer <= 0) continue;
    const auto [writer, first] = living.try_emplace({slot.writer, slot.writer_start}, true);
    if (first) writer->second = writer_lives(slot);
    if (!writer->second) quiesced(id);
  }
}

void Store::confirmed(int32_t writer_pid) {
  const std::vector<SlotId> waiting = quiescing_;
  for (const SlotId id : waiting) {
    const bool ours = slots_[id].inherited || planted(Planted::any_life);
    if (ours && slots_[id].writer == writer_pid) quiesced(id);
  }
}

SlotId Store::find(const Key& key) {
  const std::optional<SlotId> id = directory_.find(key);
  if (!id) return kNoSlot;
  touch(*id, slots_[*id]);
  return *id;
}

void Store::pin(SlotId id) {
  Slot* slot = get(id);
  if (!slot || slot->state == SlotState::quiescing) return;
  if (slot->pins++ == 0) {
    space_.rank(slot->offset, 0);
    bytes_pinned_ += slot->bytes;
  }
  ++pins_;
}

void Store::unpin(SlotId id) {
  Slot* slot = get(id);
  if (!slot || slot->pins == 0) return;
  if (slot->pins > 1) {
    --slot->pins;
    --pins_;
    return;
  }
  if (slot->unsealed()) return abandon(id, slot->writer > 0);
  unpin_all(*slot);
  if (slot->indexed) return touch(id, *slot);
  end(id, *slot);
}

void Store::drop(SlotId id) {
  Slot* slot = get(id);
  if (!slot || slot->state != SlotState::sealed) return;
  if (slot->indexed) {
    space_.rank(slot->offset, 0);
    unindex(id, *slot);
  }
  if (slot->pins == 0 || planted(Planted::freed_pinned)) end(id, *slot);
}

std::optional<SlotInfo> Store::info(SlotId id) const {
  const Slot* s = get(id);
  if (!s) return std::nullopt;
  return SlotInfo{s->key,  s->ns,     s->geometry, s->tokens, s->generation, s->pins,
                  s->offset, s->bytes, s->fill,     s->state == SlotState::sealed, s->indexed};
}

bool Store::stale(SlotId id, uint32_t generation) const {
  const Slot* slot = get(id);
  return !slot || slot->generation != generation;
}

uint8_t* Store::payload(SlotId id) {
  const Slot* slot = get(id);
  return slot ? memory_->base() + slot->offset + header_bytes(slot->geometry) : nullptr;
}

Digest* Store::digests(SlotId id) {
  const Slot* slot = get(id);
  return slot ? reinterpret_cast<Digest*>(memory_->base() + slot->offset) : nullptr;
}

std::atomic<uint64_t>* Store::bitmap(const Slot& slot) const {
  return reinterpret_cast<std::atomic<uint64_t>*>(memory_->base() + slot.offset + bitmap_offset(slot.geometry));
}

bool Store::filled(SlotId id, uint32_t stripe) const {
  const Slot* slot = get(id);
  return slot && stripe < slot->geometry.stripes() && bit_filled(bitmap(*slot), stripe);
}

void Store::set_filled(SlotId id, uint32_t stripe_first, uint32_t count) {
  const Slot* slot = get(id);
  if (!slot || stripe_first > slot->geometry.stripes() || count > slot->geometry.stripes() - stripe_first) return;
  set_bits_filled(bitmap(*slot), stripe_first, count);
}

std::vector<Arena::Event> Store::list() const {
  std::vector<Event> events;
  events.reserve(directory_.size());
  for (const Slot& slot : slots_) {
    if (slot.state == SlotState::sealed && slot.indexed) {
      events.push_back({ChunkEvent::stored, slot.key, slot.ns, slot.tokens});
    }
  }
  return events;
}

ArenaStats Store::stats() const {
  const uint64_t total = memory_->super().memory_bytes;
  return {total,
          total - space_.extents().free_bytes(),
          bytes_pinned_,
          bytes_sealed_,
          static_cast<uint32_t>(space_.uses().size()),
          static_cast<uint32_t>(pins_),
          static_cast<uint32_t>(quiescing_.size()),
          evictions_,
          double_seals_};
}

// A fill never finds digests or bits of an earlier one.
void Store::begin_header(const Slot& slot) {
  if (planted(Planted::old_header)) return;
  std::memset(memory_->base() + slot.offset, 0, bitmap_offset(slot.geometry));
  for (uint64_t i = 0; i < bitmap_words(slot.geometry); ++i) bitmap(slot)[i].store(0, std::memory_order_relaxed);
}

void Store::set_state(SlotId id, Slot& slot, SlotState state) {
  slot.state = state;
  write_head(record(id), slot);
}

void Store::touch(SlotId id, Slot& slot) {
  slot.used = ++uses_;
  record(id).used.store(slot.used, std::memory_order_relaxed);
  if (slot.evictable()) space_.rank(slot.offset, slot.used);
}

void Store::unpin_all(Slot& slot) {
  if (slot.pins == 0) return;
  pins_ -= slot.pins;
  bytes_pinned_ -= slot.bytes;
  slot.pins = 0;
}

void Store::end(SlotId id, Slot& slot) {
  space_.release(slot.offset);
  end_evicted(id, slot);
}

void Store::end_evicted(SlotId id, Slot& slot) {
  if (slot.indexed) unindex(id, slot);
  if (slot.state == SlotState::sealed) bytes_sealed_ -= slot.bytes;
  set_state(id, slot, SlotState::free);
  free_.push_back(id);
}

void Store::unindex(SlotId id, Slot& slot) {
  directory_.remove(id, slot);
  slot.indexed = false;
  record(id).indexed.store(0, std::memory_order_release);
}

}  // namespace arena
}  // namespace baton
