#include "arena/slots.h"

#include <algorithm>

namespace baton::arena {
namespace {

// Release and acquire everywhere: a reader that saw one new field also sees the head that was stored before it.
template <class T>
void put(std::atomic<T>& field, T value) {
  field.store(value, std::memory_order_release);
}
template <class T>
T get(const std::atomic<T>& field) {
  return field.load(std::memory_order_acquire);
}

}  // namespace

void set_bits_filled(std::atomic<uint64_t>* bitmap, uint32_t stripe_first, uint32_t count) {
  for (uint32_t s = stripe_first; s < stripe_first + count;) {
    const uint32_t bit = s % 64, n = std::min(64 - bit, stripe_first + count - s);
    const uint64_t mask = (n == 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1) << bit;
    bitmap[s / 64].fetch_or(mask, std::memory_order_release);
    s += n;
  }
}

void write_fields(Record& r, const Slot& slot) {
  const Words key = words_of(slot.key), ns = words_of(slot.ns);
  for (size_t i = 0; i < key.size(); ++i) {
    put(r.key[i], key[i]);
    put(r.ns[i], ns[i]);
  }
  const Geometry& g = slot.geometry;
  put(r.geometry[0], g.layers);
  put(r.geometry[1], g.heads);
  put(r.geometry[2], g.planes);
  for (size_t p = 0; p < g.plane_bytes.size(); ++p) put(r.geometry[3 + p], g.plane_bytes[p]);
  put(r.geometry[7], g.chunk_tokens);
  put(r.tokens, slot.tokens);
  put(r.writer_pid, slot.writer);
  put(r.writer_start, slot.writer_start);
  put(r.offset, slot.offset);
  put(r.bytes, slot.bytes);
  put(r.fill, slot.fill);
  put(r.indexed, uint32_t{slot.indexed});
  put(r.used, slot.used);
}

void write_head(Record& r, const Slot& slot) { put(r.head, pack_head(slot.state, slot.generation)); }

Slot read_record(const Record& r) {
  Slot slot;
  const uint64_t head = get(r.head);
  slot.state = state_of(head);
  slot.generation = generation_of(head);
  Words key, ns;
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = get(r.key[i]);
    ns[i] = get(r.ns[i]);
  }
  slot.key = bytes_of(key);
  slot.ns = bytes_of(ns);
  Geometry& g = slot.geometry;
  g.layers = get(r.geometry[0]);
  g.heads = get(r.geometry[1]);
  g.planes = get(r.geometry[2]);
  for (size_t p = 0; p < g.plane_bytes.size(); ++p) g.plane_bytes[p] = get(r.geometry[3 + p]);
  g.chunk_tokens = get(r.geometry[7]);
  slot.tokens = get(r.tokens);
  slot.writer = get(r.writer_pid);
  slot.writer_start = get(r.writer_start);
  slot.offset = get(r.offset);
  slot.bytes = get(r.bytes);
  slot.fill = get(r.fill);
  slot.indexed = get(r.indexed) == 1;
  slot.used = get(r.used);
  return slot;
}

bool plausible(const Slot& slot, const Superblock& super) {
  const uint64_t end = super.memory_offset + super.memory_bytes;
  return slot.geometry.refusal() == nullptr && slot.tokens > 0 && slot.tokens <= slot.geometry.chunk_tokens &&
         slot.offset % kGranule == 0 && slot.offset >= super.memory_offset && slot.offset < end &&
         slot.bytes <= end - slot.offset && slot.bytes == slot_bytes(slot.geometry, slot.tokens);
}

}  // namespace baton::arena
