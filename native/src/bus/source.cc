#include "bus/source.h"

#include <algorithm>

#include "base/digest.h"
#include "base/limits.h"
#include "base/planted.h"

namespace baton {
namespace {

// So many digests leave room for any head in limits::kLaneFrameHeadBytesMax.
constexpr uint32_t kStripesPerRunMax = limits::kLaneFrameHeadBytesMax / sizeof(Digest) / 2;

}  // namespace

Source::Source(Ticket& ticket, Arena& arena) : ticket_(ticket), arena_(arena), progress_(ticket.chunks.size()) {}

Source::Progress& Source::progress(uint32_t chunk) {
  Progress& p = progress_[chunk];
  if (p.ready.size() == 0) {
    p.ready.resize(ticket_.geometry.stripes());
    p.acknowledged.resize(ticket_.geometry.stripes());
  }
  return p;
}

void Source::ready(uint32_t chunk, uint32_t layer) {
  const uint32_t heads = ticket_.geometry.heads;
  progress(chunk).ready.set(layer * heads, heads);
  queue(chunk, layer * heads, heads);
}

void Source::ready_all(uint32_t chunk) {
  const uint32_t stripes = ticket_.geometry.stripes();
  progress(chunk).ready.set(0, stripes);
  queue(chunk, 0, stripes);
}

// Stripes that follow the chunk's last queued ones join them; next() cuts runs to size.
void Source::queue(uint32_t chunk, uint32_t first, uint32_t count) {
  Progress& p = progress(chunk);
  if (p.queued && p.last_span >= front_) {
    Span& last = queue_[p.last_span - front_];
    if (last.first + last.count == first) {
      last.count += count;
      return;
    }
  }
  p.last_span = front_ + queue_.size();
  p.queued = true;
  queue_.push_back({chunk, first, count});
}

path::Run Source::next() const {
  const Span& span = queue_.front();
  const SlotId slot = ticket_.chunks[span.chunk].slot;
  const uint64_t stripe = ticket_.stripe_bytes(span.chunk);
  const auto fit = std::max<uint64_t>(1, limits::kRunBytesMax / stripe);
  path::Run run;
  run.ticket = ticket_.id;
  run.epoch = ticket_.epoch;
  run.chunk = span.chunk;
  run.stripe_first = span.first;
  run.stripe_count = static_cast<uint32_t>(std::min<uint64_t>({span.count, fit, kStripesPerRunMax}));
  run.digests = {arena_.digests(slot) + run.stripe_first, run.stripe_count};
  run.bytes = arena_.payload(slot) + run.stripe_first * stripe;
  run.length = run.stripe_count * stripe;
  return run;
}

void Source::handed_over(const path::Run& run) {
  Span& span = queue_.front();
  span.first += run.stripe_count;
  span.count -= run.stripe_count;
  if (span.count == 0) {
    queue_.pop_front();
    ++front_;
  }
  ++in_flight_;
}

void Source::first_byte(const path::Run& run, uint64_t now_ns) {
  ticket_.bytes_out += run.length;
  const uint32_t heads = ticket_.geometry.heads;
  for (uint32_t l = run.stripe_first / heads; l <= (run.stripe_first + run.stripe_count - 1) / heads; ++l) {
    if (ticket_.layers[l].out_ns == 0) ticket_.layers[l].out_ns = now_ns;
  }
}

bool Source::acknowledged(const path::Run& run) {
  if (in_flight_ > 0) --in_flight_;
  Bits& acknowledged = progress(run.chunk).acknowledged;
  if (acknowledged.all()) return false;
  if (planted(Planted::one_ack)) acknowledged.set(0, acknowledged.size());
  acknowledged.set(run.stripe_first, run.stripe_count);
  return acknowledged.all();
}

bool Source::again(const path::Run& run) {
  if (in_flight_ > 0) --in_flight_;
  if (++resends_[{run.chunk, run.stripe_first}] > limits::kResendsPerRunMax) return false;
  ++ticket_.runs_resent;
  queue(run.chunk, run.stripe_first, run.stripe_count);
  return true;
}

void Source::lane_lost() {
  if (!planted(Planted::credit_leak)) in_flight_ = 0;
  front_ += queue_.size();
  queue_.clear();
  for (uint32_t chunk = 0; chunk < progress_.size(); ++chunk) {
    Progress& p = progress_[chunk];
    p.queued = false;
    if (ticket_.chunks[chunk].done) continue;
    for (uint32_t s = 0; s < p.ready.size(); ++s) {
      if (p.ready.test(s) && !p.acknowledged.test(s)) queue(chunk, s, 1);
    }
  }
}

bool Source::intact(uint32_t chunk) const {
  const TicketChunk& c = ticket_.chunks[chunk];
  if (c.slot == kNoSlot) return true;
  const uint64_t bytes = ticket_.stripe_bytes(chunk);
  const uint32_t heads = ticket_.geometry.heads;
  for (uint32_t s = 0; s < progress_[chunk].ready.size(); ++s) {
    if (!progress_[chunk].ready.test(s)) continue;
    const uint8_t* stripe = arena_.payload(c.slot) + s * bytes;
    if (stripe_digest(c.chunk.key, s / heads, s % heads, stripe, bytes) != arena_.digests(c.slot)[s]) return false;
  }
  return true;
}

}  // namespace baton
