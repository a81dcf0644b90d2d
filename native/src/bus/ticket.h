#pragma once
// One handoff as this node knows it: a source's, a target's, or both at once where the arena is shared.
#include <memory>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "bus/bits.h"
#include "bus/bus.h"
#include "session/server.h"

namespace baton {

class Source;
class Target;

struct TicketChunk {
  Chunk chunk;
  bool needed = false;         // the target lacks it
  SlotId slot = kNoSlot;       // pinned once by this ticket while set
  bool filling = false;        // an engine writes the slot
  bool done = false;           // source: acknowledged whole; target: verified, sealed
  bool corrupt = false;        // reported by a reader: given to no other
};

struct Ticket {
  TicketId id{};
  char role = 't';             // as in TicketView
  TicketState state = TicketState::reserved;
  Reason reason = Reason::none;
  std::string engine;          // may watch and claim (target, both)
  std::string source_engine;   // may accept and fill (source, both)
  Namespace ns{};
  Geometry geometry;
  std::vector<TicketChunk> chunks;
  std::string peer;            // the other end's node
  uint32_t epoch = 0;
  uint32_t needed = 0, landed = 0, claims = 0;
  uint64_t bytes_out = 0, bytes_in = 0, runs_resent = 0;
  int64_t clock_offset_ns = 0;
  std::vector<LayerStamps> layers;
  session::SessionId watcher = 0;
  bool changed = false;        // since it was published
  std::unique_ptr<Source> source;  // role s
  std::unique_ptr<Target> target;  // role t

  bool live() const { return !ended(state); }
  // What the other end is told of this one's end; none: nothing is wrong, nothing more is needed.
  Reason farewell() const {
    return reason == Reason::none && state != TicketState::settled ? Reason::peer_failed : reason;
  }
  bool fills_here() const { return role != 't'; }
  uint64_t total_tokens() const {
    uint64_t sum = 0;
    for (const TicketChunk& c : chunks) sum += c.chunk.tokens;
    return sum;
  }
  uint64_t stripe_bytes(uint32_t chunk) const { return geometry.stripe_bytes(chunks[chunk].chunk.tokens); }

  Ticket();
  ~Ticket();
};

}  // namespace baton
