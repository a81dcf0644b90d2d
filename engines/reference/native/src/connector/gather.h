#pragma once
// The gathers of one step: chunks whose end the step reaches, copied layer by layer from the pages to their
// slots.
#include <cstdint>
#include <span>
#include <vector>

#include "baton.h"
#include "pages/pages.h"

namespace baton::reference {

struct Gather {
  baton_slot slot{};
  std::vector<uint32_t> pages;  // that hold the chunk's tokens
  uint32_t page_offset = 0;     // of its first token inside pages[0]
};

class Gathering {
 public:
  // One list per sequence. A null client: every sequence that has gathers ends with BATON_ERR_CLOSED.
  Gathering(baton_client*, const Pages&, std::span<const std::vector<Gather>> by_sequence);

  bool empty() const { return empty_; }
  // Gathers one layer of every chunk and announces what is gathered, a few MiB at a time, so that the first are
  // on the wire while the last are copied. An error ends the sequence's gathers, never the step: its fills are
  // aborted and its later layers skipped.
  void layer(uint32_t layer, uint64_t computed_ns);
  // Ends all that has not ended: the step failed.
  void abandon(int32_t code);
  // Per sequence: 0 or the code that ended its gathers.
  const std::vector<int32_t>& status() const { return status_; }

 private:
  void end(size_t sequence, int32_t code);
  int32_t gather(size_t sequence, uint32_t layer, uint64_t computed_ns, const baton_layer_layout&);
  int32_t announce(uint32_t layer, uint64_t computed_ns);

  baton_client* client_;
  const Pages& pages_;
  std::span<const std::vector<Gather>> by_sequence_;
  std::vector<int32_t> status_;
  std::vector<baton_slot> filled_;  // of the layer being gathered, not announced yet
  uint64_t filled_bytes_ = 0;
  bool empty_ = true;
};

}  // namespace baton::reference
