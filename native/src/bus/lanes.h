#pragma once
// Outgoing lanes by peer: one for all tickets towards a node, dialled at the first, kept, dialled again within bounds
// when it breaks. Tickets with runs to send take turns.
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/parts.h"
#include "bus/ticket.h"
#include "path/path.h"

namespace baton {

class Lanes {
 public:
  explicit Lanes(Parts& parts) : parts_(parts) {}
  ~Lanes();

  void join(Ticket&, const std::string& host, uint16_t port);
  void more(Ticket&);                    // it has runs waiting
  // The ticket has ended: its slots are released as soon as the lane has let go of them. `tell`: the peer.
  void leave(Ticket&, bool tell);

  // From the path, about outgoing lanes.
  bool owns(uint64_t lane) const { return by_lane_.contains(lane); }
  void up(uint64_t lane, int64_t clock_offset_ns);
  void down(uint64_t lane, Reason, bool retryable);
  void writable(uint64_t lane);
  void sending(const path::Run&, uint64_t now_ns);
  void acknowledged(uint64_t lane, const path::Run&, path::Landing, Reason);
  void cancelled(uint64_t lane, const TicketId&, uint32_t epoch, Reason);

 private:
  struct Farewell { TicketId ticket; uint32_t epoch; Reason reason; };
  struct Peer {
    std::string node, host;
    uint16_t port = 0;
    uint64_t lane = 0;                   // 0: none
    bool up = false;
    uint32_t attempts = 0;               // dialled again since the last acknowledgement
    uint64_t redial_timer = 0;
    uint64_t incarnation = 0;            // 0: not met yet
    int64_t clock_offset_ns = 0;
    std::map<TicketId, uint64_t> tickets;  // → incarnation they belong to
    std::deque<TicketId> turns;          // with runs waiting, in the order in which they are served
    std::vector<Farewell> farewells;     // ended while no lane was up
    std::map<TicketId, std::vector<SlotId>> lingering;  // ended, the lane still reads from them
  };
  void dial(Peer&);
  void dial_again(Peer&);
  void give_up(Peer&, Reason);
  void close_an_idle_one();
  void pump(Peer&);
  void need(Peer&);
  void let_go(const std::vector<SlotId>&);
  void forget_if_idle(Peer&);
  void wrong(Ticket&, const path::Run&);
  Peer* peer_of(uint64_t lane);

  Parts& parts_;
  std::map<std::string, Peer> peers_;
  std::unordered_map<uint64_t, Peer*> by_lane_;
};

}  // namespace baton
