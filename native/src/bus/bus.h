#pragma once
// Executes tickets on one native thread: sessions, lanes, leases, the ticket table. JavaScript posts commands and drains
// results; it is woken once per batch and never needed between "layer ready" and "bytes on the wire".
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "base/types.h"

namespace baton {

struct BusOptions {
  std::string node;                         // this node's name, authenticated in the lanes' hello
  ArenaOptions arena;
  std::string socket_path;                  // unix socket for engines; created 0600
  std::string lane_host = "127.0.0.1";      // listen address of lanes
  uint16_t lane_port = 0;                   // 0: any
  std::vector<std::vector<uint8_t>> cluster_keys;  // 0, 1 or 2; each ≥ 32 bytes; the first one is used to prove
  uint32_t lane_silence_ms = 2000;          // no byte from a peer for this long while a ticket needs it: lane lost
  uint32_t lane_connect_ms = 1000;
  double ticket_share_max = 0.5;            // of the arena that one ticket may reserve (too_large)
  bool verify = true;                       // compare digests after landing; false only in builds with BATON_TEST_HOOKS
};

struct OpenTicket {                          // to the target
  TicketId ticket{};
  std::string engine;                        // decode engine that may watch and claim
  Namespace ns{};
  std::vector<Chunk> chunks;
  std::string source_node;                   // only this node's lane may send; equal to own node: shared arena
  std::string source_engine;                 // used when the arena is shared
  uint32_t lease_ms = 0;
};
struct ExpectTicket {                        // to the source
  TicketId ticket{};
  std::string engine;                        // prefill engine that may accept and fill
  Namespace ns{};
  std::vector<Chunk> chunks;
  std::vector<uint8_t> need;                 // per chunk: 1 = the target lacks it
  uint32_t epoch = 0;
  std::string target_node, target_host;
  uint16_t target_port = 0;
  uint32_t lease_ms = 0;
};

struct LayerStamps { uint64_t computed_first_ns, computed_ns, out_ns, landed_ns, scattered_ns; };  // own clock; 0 = never

// What JavaScript re-reads of a ticket. Roles: 's' source, 't' target, 'b' both (shared arena).
struct TicketView {
  TicketId ticket{};
  char role = 't';
  TicketState state = TicketState::none;
  Reason reason = Reason::none;
  uint32_t chunks = 0, chunks_needed = 0, chunks_landed = 0, claims = 0;
  uint32_t chunks_corrupt = 0;               // a reader found other bytes in them than were verified
  uint64_t bytes_out = 0, bytes_in = 0, runs_resent = 0;
  std::string peer;
  int64_t clock_offset_ns = 0;               // peer clock − own clock
  std::vector<LayerStamps> layers;           // filled once the ticket has ended or landed
};

struct Granted { TicketId ticket{}; bool granted = false; Reason reason = Reason::none; std::vector<uint8_t> need; uint32_t epoch = 0; uint64_t free_bytes = 0; char role = 't'; };
struct AttachmentEvent { std::string engine; Namespace ns{}; Geometry geometry; int32_t pid = 0; bool attached = false; };

struct Drained {
  std::vector<Granted> granted;              // answers to open and expect, in order
  std::vector<TicketView> tickets;           // changed since last drain (coalesced)
  std::vector<Arena::Event> chunks;
  bool relist = false;                       // chunk events were lost: call list_chunks
  std::vector<AttachmentEvent> attachments;
};

struct BusCounters {                         // monotonic unless stated; names are metric names without prefix (docs/metrics.md)
  uint64_t tickets_live /*gauge*/, tickets_opened, tickets_expected, tickets_refused, tickets_landed, tickets_settled, tickets_aborted, tickets_expired, tickets_failed;
  uint64_t lane_bytes_out, lane_bytes_in, lane_resets, lane_bad_frames, lane_duplicates, lane_discarded_bytes, lane_hello_refused, lanes_up /*gauge*/;
  uint64_t runs_resent, stripes_wrong, refused_unknown, refused_foreign, refused_ended, late_messages;
  uint64_t sessions_up /*gauge*/, session_malformed, fills_begun, fills_full, claims, corrupt_reported;
  ArenaStats arena;
};

class Bus {
 public:
  // Opens arena, sockets and the thread. Null and `error` (what to do) on failure. `wake` is called from the bus's
  // thread, at most once until the next drain.
  static std::unique_ptr<Bus> start(const BusOptions&, std::function<void()> wake, std::string& error);
  virtual ~Bus() = default;                  // stop() if not stopped
  virtual uint64_t incarnation() const = 0;
  virtual uint16_t lane_port() const = 0;

  virtual void open(OpenTicket) = 0;         // the answer comes with drain()
  virtual void expect(ExpectTicket) = 0;
  virtual void abort(const TicketId&, Reason) = 0;
  virtual void renew(const TicketId&, uint32_t lease_ms) = 0;
  virtual void settle(const TicketId&) = 0;
  virtual Drained drain() = 0;
  virtual std::vector<TicketView> list_tickets() = 0;      // snapshot; may wait for the thread up to 100 ms
  virtual std::vector<Arena::Event> list_chunks() = 0;
  virtual std::vector<AttachmentEvent> list_attachments() = 0;
  virtual BusCounters counters() = 0;
  virtual void refuse_new() = 0;             // drain: open and expect are answered `stopping`
  virtual void stop() = 0;                   // fails what lives, closes everything, joins the thread; idempotent
};

}  // namespace baton
