#include "arena/view.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

#include "arena/index.h"

namespace baton::arena {
namespace {

// Empty when the superblock describes a file of this size.
std::string wrong_with(const Superblock& super, uint64_t bytes) {
  if (super.magic.load(std::memory_order_acquire) != kMagic) return "this is not an arena file";
  if (super.version != kLayoutVersion || super.record_bytes != sizeof(Record)) {
    return "the arena has another layout version: service and engine library must be of one release";
  }
  // Nothing here may wrap around: the numbers are those of a file.
  const auto inside = [](uint64_t offset, uint64_t size, uint64_t end) { return offset <= end && size <= end - offset; };
  const bool fits = super.file_bytes == bytes && super.records_offset >= sizeof(Superblock) &&
                    super.index_entries == index_entries(super.slots_max) &&
                    inside(super.records_offset, uint64_t{super.slots_max} * sizeof(Record), super.index_offset) &&
                    inside(super.index_offset, super.index_entries * sizeof(uint32_t), super.memory_offset) &&
                    inside(super.memory_offset, super.memory_bytes, bytes);
  return fits ? "" : "the arena's superblock is damaged: restart the transfer service on a new arena file";
}

}  // namespace

bool Place::filled(uint32_t stripe) const { return bit_filled(bitmap, stripe); }

void Place::set_filled(uint32_t stripe_first, uint32_t count) const {
  set_bits_filled(bitmap, stripe_first, count);
}

std::unique_ptr<View> View::map(int fd, std::string& error) {
  struct stat status;
  if (fstat(fd, &status) != 0 || status.st_size < static_cast<off_t>(sizeof(Superblock))) {
    error = "the arena's descriptor is no arena file";
    return nullptr;
  }
  const auto bytes = static_cast<uint64_t>(status.st_size);
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    error = std::string("mapping the arena failed: ") + std::strerror(errno);
    return nullptr;
  }
  auto view = std::unique_ptr<View>(new View(static_cast<uint8_t*>(base), bytes, true));
  error = wrong_with(view->super(), bytes);
  return error.empty() ? std::move(view) : nullptr;
}

std::unique_ptr<View> View::over(uint8_t* base, uint64_t bytes, std::string& error) {
  auto view = std::unique_ptr<View>(new View(base, bytes, false));
  error = wrong_with(view->super(), bytes);
  return error.empty() ? std::move(view) : nullptr;
}

View::~View() {
  if (owned_) munmap(base_, bytes_);
}

bool View::holds(const Key& key) const {
  const Superblock& s = super();
  auto* super_mutable = reinterpret_cast<Superblock*>(base_);
  const IndexTable table{&super_mutable->index_version,
                         reinterpret_cast<std::atomic<uint32_t>*>(base_ + s.index_offset), s.index_entries - 1,
                         reinterpret_cast<const Record*>(base_ + s.records_offset), s.slots_max};
  return table.holds(words_of(key));
}

bool View::current(uint32_t slot, uint32_t generation) const {
  if (slot >= super().slots_max) return false;
  const uint64_t head = record(slot).head.load(std::memory_order_acquire);
  return generation_of(head) == generation && state_of(head) != SlotState::free &&
         state_of(head) != SlotState::quiescing;
}

bool View::place(uint32_t slot, uint32_t generation, Place& out) const {
  if (!current(slot, generation)) return false;
  const Record& r = record(slot);
  const auto load = [](const std::atomic<uint32_t>& field) { return field.load(std::memory_order_acquire); };
  Words key, ns;
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = r.key[i].load(std::memory_order_acquire);
    ns[i] = r.ns[i].load(std::memory_order_acquire);
  }
  Geometry& g = out.geometry;
  g.layers = load(r.geometry[0]), g.heads = load(r.geometry[1]), g.planes = load(r.geometry[2]);
  for (size_t p = 0; p < g.plane_bytes.size(); ++p) g.plane_bytes[p] = load(r.geometry[3 + p]);
  g.chunk_tokens = load(r.geometry[7]);
  out.key = bytes_of(key), out.ns = bytes_of(ns);
  out.tokens = load(r.tokens);
  out.fill = r.fill.load(std::memory_order_acquire);
  const uint64_t offset = r.offset.load(std::memory_order_acquire), bytes = r.bytes.load(std::memory_order_acquire);
  const uint64_t head = r.head.load(std::memory_order_relaxed);
  if (generation_of(head) != generation) return false;
  out.sealed = state_of(head) == SlotState::sealed;
  // A damaged record ends here, not in a wild write.
  if (g.refusal() || out.tokens == 0 || out.tokens > g.chunk_tokens || offset % kGranule != 0 ||
      offset < super().memory_offset || offset > bytes_ || bytes > bytes_ - offset ||
      bytes != slot_bytes(g, out.tokens)) {
    return false;
  }
  out.digests = reinterpret_cast<Digest*>(base_ + offset);
  out.bitmap = reinterpret_cast<std::atomic<uint64_t>*>(base_ + offset + bitmap_offset(g));
  out.payload = base_ + offset + header_bytes(g);
  return true;
}

}  // namespace baton::arena
