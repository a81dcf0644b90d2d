#pragma once
// The shared index: an open-addressing table in the arena file that leads from a key to its sealed slot. One writer
// (the service), any number of readers in any process, which take no lock.
//
// Readers never trust an entry: they compare the key in the slot's record, between two equal reads of its head. A
// miss counts only if no entry moved meanwhile (version even and unchanged). All accesses are acquire and release on
// atomics, so a reader that saw any effect of a change also sees the version that announced it.
#include <cstdint>
#include <vector>

#include "arena/layout.h"

namespace baton::arena {

struct IndexTable {
  std::atomic<uint64_t>* version = nullptr;
  std::atomic<uint32_t>* entries = nullptr;  // slot + 1, 0 = empty
  uint64_t mask = 0;                         // entries − 1
  const Record* records = nullptr;
  uint32_t slots = 0;

  bool holds(const Words& key) const;
};

// At least two entries per slot, so that chains stay short.
uint64_t index_entries(uint32_t slots_max);

class IndexWriter {
 public:
  explicit IndexWriter(const IndexTable&);
  void clear();
  void insert(uint32_t slot, const Words& key);
  void erase(uint32_t slot);
  bool has(uint32_t slot) const;  // by walking its chain; for check_integrity

 private:
  uint64_t find(uint32_t slot) const;  // position, or mask + 1
  void open_change() { table_.version->store(++version_, std::memory_order_release); }
  void close_change() { table_.version->store(++version_, std::memory_order_release); }

  IndexTable table_;
  uint64_t version_;
  std::vector<uint64_t> home_;  // first word of the key of each slot; what others may scribble on is not read back
};

}  // namespace baton::arena
