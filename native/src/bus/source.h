#pragma once
// What a source ticket sends next: stripes in the order in which they became ready, joined into runs, until each is
// acknowledged.
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "bus/ticket.h"
#include "path/path.h"

namespace baton {

class Source {
 public:
  Source(Ticket&, Arena&);

  // Layer `layer` of a chunk stands filled in its slot; or all of the chunk does.
  void ready(uint32_t chunk, uint32_t layer);
  void ready_all(uint32_t chunk);

  bool waiting() const { return !queue_.empty(); }
  uint32_t in_flight() const { return in_flight_; }
  path::Run next() const;          // the run that is due; waiting() holds
  void handed_over(const path::Run&);  // the lane took what next() gave
  void first_byte(const path::Run&, uint64_t now_ns);

  // The target has it. True when that completed the chunk.
  bool acknowledged(const path::Run&);
  // The target found other bytes than announced: once more, unless that was the bound.
  bool again(const path::Run&);
  // The lane is gone: everything ready and not acknowledged is due again.
  void lane_lost();
  bool in_turn = false;            // among those that the lane serves by turns (bus/lanes.cc)
  // Whether the stripes in the arena still have the digests they were announced with.
  bool intact(uint32_t chunk) const;

 private:
  struct Span { uint32_t chunk, first, count; };
  struct Progress {
    Bits ready, acknowledged;      // by stripe; empty until the first is ready
    uint64_t last_span = 0;        // number of its newest span, while that is queued
    bool queued = false;
  };
  void queue(uint32_t chunk, uint32_t first, uint32_t count);
  Progress& progress(uint32_t chunk);

  Ticket& ticket_;
  Arena& arena_;
  std::vector<Progress> progress_;
  std::deque<Span> queue_;
  uint64_t front_ = 0;             // number of queue_.front(), counted from the ticket's first span
  uint32_t in_flight_ = 0;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> resends_;  // (chunk, first stripe) → times
};

}  // namespace baton
