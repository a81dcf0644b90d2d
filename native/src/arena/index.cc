#include "arena/index.h"

#include <bit>

#include "base/limits.h"

namespace baton::arena {

// A hit is proven by the record alone, so a change that is under way only makes a miss uncertain.
bool IndexTable::holds(const Words& key) const {
  for (uint32_t read = 0; read < limits::kIndexReadsMax; ++read) {
    const uint64_t before = version->load(std::memory_order_acquire);
    for (uint64_t step = 0; step <= mask; ++step) {
      const uint32_t entry = entries[(key[0] + step) & mask].load(std::memory_order_acquire);
      if (entry == 0) break;
      if (entry > slots) continue;
      const Record& record = records[entry - 1];
      const uint64_t head = record.head.load(std::memory_order_acquire);
      if (state_of(head) != SlotState::sealed) continue;
      bool same = true;
      for (size_t i = 0; i < key.size(); ++i) same &= record.key[i].load(std::memory_order_acquire) == key[i];
      if (same && record.head.load(std::memory_order_relaxed) == head) return true;
    }
    if ((before & 1) == 0 && version->load(std::memory_order_relaxed) == before) return false;
  }
  return false;
}

uint64_t index_entries(uint32_t slots_max) { return std::bit_ceil(uint64_t{slots_max} * 2); }

IndexWriter::IndexWriter(const IndexTable& table)
    : table_(table), version_(table.version->load(std::memory_order_relaxed)), home_(table.slots) {}

void IndexWriter::clear() {
  if (version_ & 1) ++version_;  // the last writer died inside a change
  open_change();
  for (uint64_t i = 0; i <= table_.mask; ++i) table_.entries[i].store(0, std::memory_order_release);
  close_change();
}

void IndexWriter::insert(uint32_t slot, const Words& key) {
  home_[slot] = key[0];
  for (uint64_t step = 0; step <= table_.mask; ++step) {
    std::atomic<uint32_t>& entry = table_.entries[(key[0] + step) & table_.mask];
    if (entry.load(std::memory_order_relaxed) != 0) continue;
    entry.store(slot + 1, std::memory_order_release);
    return;
  }
}

uint64_t IndexWriter::find(uint32_t slot) const {
  for (uint64_t step = 0; step <= table_.mask; ++step) {
    const uint64_t at = (home_[slot] + step) & table_.mask;
    const uint32_t entry = table_.entries[at].load(std::memory_order_relaxed);
    if (entry == slot + 1) return at;
    if (entry == 0) break;
  }
  return table_.mask + 1;
}

bool IndexWriter::has(uint32_t slot) const { return find(slot) <= table_.mask; }

// Closes the gap by moving later entries of the chain back, so that the table never fills up with tombstones.
void IndexWriter::erase(uint32_t slot) {
  uint64_t hole = find(slot);
  if (hole > table_.mask) return;
  open_change();
  uint64_t at = hole;
  for (uint64_t step = 0; step <= table_.mask; ++step) {
    at = (at + 1) & table_.mask;
    const uint32_t entry = table_.entries[at].load(std::memory_order_relaxed);
    if (entry == 0 || entry > table_.slots) break;
    const uint64_t home = home_[entry - 1] & table_.mask;
    // It may move back only if its home is not between the hole and itself.
    if (((at - home) & table_.mask) < ((at - hole) & table_.mask)) continue;
    table_.entries[hole].store(entry, std::memory_order_release);
    hole = at;
  }
  table_.entries[hole].store(0, std::memory_order_release);
  close_change();
}

}  // namespace baton::arena
