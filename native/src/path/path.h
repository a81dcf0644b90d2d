#pragma once
// One contract for every way bytes travel between two arenas. The source announces filled runs; the target fetches,
// acknowledges, cancels. On TCP a fetch is credit granted in advance (the whole of what Open reserved), so announcing
// sends; the receiving side asks its Sink where a run goes *before* it reads the payload. One-sided paths (RDMA) fetch
// by get. Everything runs on the bus's thread; nothing here blocks.
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/types.h"

namespace baton::path {

struct Run {                     // adjacent stripes of one chunk
  TicketId ticket{};
  uint32_t epoch = 0;            // of the target's reservation
  uint32_t chunk = 0;            // position in the prompt
  uint32_t stripe_first = 0, stripe_count = 0;
  std::span<const Digest> digests;  // source side: one per stripe
  const uint8_t* bytes = nullptr;   // source side
  uint64_t length = 0;
};

enum class Landing : uint8_t { ok = 0, wrong_bytes = 1, refused = 2 };

// Target: where a run's bytes go. `bytes` null: they are read and thrown away; with reason none because they are there
// already (acknowledged as ok), else refused (unknown, foreign, ended ticket, stale epoch, wrong position), sent back
// and counted. Stripe s is of layer s / heads and head s % heads.
struct Place {
  uint8_t* bytes = nullptr;
  Key key{};
  uint32_t heads = 1;
  Reason reason = Reason::none;
};

// What a lane's user is told. Source callbacks and target callbacks may come on one lane in both directions.
class Sink {
 public:
  virtual ~Sink() = default;
  // Target: where do this run's bytes go? The place stays valid until landed(), Lane::cancel of its ticket, or down().
  virtual Place place(uint64_t lane, const Run&) = 0;
  // Target: the run's bytes stand in place and digests were compared (Landing::ok or wrong_bytes). The lane sends the
  // acknowledgement after this returns.
  virtual void landed(uint64_t lane, const Run&, Landing) = 0;
  // Source: first byte of a run handed to the path / the target's verdict on it.
  virtual void sending(uint64_t lane, const Run&, uint64_t now_ns) = 0;
  virtual void acknowledged(uint64_t lane, const Run&, Landing, Reason) = 0;
  // Either side: the peer gives the ticket up; `quiesced` says that the peer will not touch it again.
  virtual void cancelled(uint64_t lane, const TicketId&, uint32_t epoch, Reason, bool quiesced) = 0;
  // Source: the lane can take more.
  virtual void writable(uint64_t lane) = 0;
  virtual void up(uint64_t lane, int64_t clock_offset_ns) = 0;   // peer clock − own clock, estimated at hello
  virtual void down(uint64_t lane, Reason, bool retryable) = 0;  // all unacknowledged runs are to be announced again
};

struct LaneStats { uint64_t bytes_out, bytes_in, frames_out, frames_in, resets, bad_frames, duplicates, discarded_bytes; };

// The four verbs. Each returns at once.
class Lane {
 public:
  virtual ~Lane() = default;
  virtual uint64_t id() const = 0;
  virtual const std::string& peer() const = 0;             // the node's name, authenticated
  virtual bool announce(const Run&) = 0;                   // false: no room now, wait for writable()
  virtual void fetch(const TicketId&, uint32_t epoch, uint64_t bytes) = 0;  // credit (no-op where Open's grant is it)
  virtual void acknowledge(const Run&, Landing, Reason) = 0;
  virtual void cancel(const TicketId&, uint32_t epoch, Reason, bool quiesced) = 0;
  virtual LaneStats stats() const = 0;
};

}  // namespace baton::path
