#pragma once
// What the path tells, handed to those whom it concerns: outgoing lanes to Lanes, incoming ones to Arrivals.
#include "bus/arrivals.h"
#include "bus/lanes.h"

namespace baton {

class Traffic final : public path::Sink {
 public:
  Traffic(Lanes& lanes, Arrivals& arrivals) : lanes_(lanes), arrivals_(arrivals) {}

  path::Place place(uint64_t lane, const path::Run& run) override { return arrivals_.place(lane, run); }
  void landed(uint64_t lane, const path::Run& run, path::Landing l) override { arrivals_.landed(lane, run, l); }
  void sending(uint64_t, const path::Run& run, uint64_t now_ns) override { lanes_.sending(run, now_ns); }
  void acknowledged(uint64_t lane, const path::Run& run, path::Landing landing, Reason reason) override {
    lanes_.acknowledged(lane, run, landing, reason);
  }
  void cancelled(uint64_t lane, const TicketId& id, uint32_t epoch, Reason reason, bool quiesced) override {
    if (lanes_.owns(lane)) lanes_.cancelled(lane, id, epoch, reason);
    else if (!quiesced) arrivals_.cancelled(lane, id, epoch, reason);
  }
  void writable(uint64_t lane) override { lanes_.writable(lane); }
  void up(uint64_t lane, int64_t clock_offset_ns) override {
    if (lanes_.owns(lane)) lanes_.up(lane, clock_offset_ns);
    else arrivals_.up(lane, clock_offset_ns);
  }
  void down(uint64_t lane, Reason reason, bool retryable) override {
    if (lanes_.owns(lane)) lanes_.down(lane, reason, retryable);
    else arrivals_.down(lane);
  }

 private:
  Lanes& lanes_;
  Arrivals& arrivals_;
};

}  // namespace baton
