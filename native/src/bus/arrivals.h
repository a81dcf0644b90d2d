#pragma once
// Incoming lanes and what comes over them: which ticket a run may land in, what has landed, and whom the loss of a lane
// leaves waiting.
#include <set>
#include <string>
#include <unordered_map>

#include "bus/parts.h"
#include "bus/ticket.h"
#include "path/path.h"

namespace baton {

class Arrivals {
 public:
  explicit Arrivals(Parts& parts) : parts_(parts) {}
  ~Arrivals();

  void await(Ticket&);                   // it needs what comes from its peer
  void arrived(Ticket&);                 // it does not any more
  // The ticket has ended: after this no byte is written for it. `tell`: the source; true when that was possible.
  bool leave(Ticket&, bool tell);

  // From the path, about incoming lanes.
  void up(uint64_t lane, int64_t clock_offset_ns);
  void down(uint64_t lane);
  path::Place place(uint64_t lane, const path::Run&);
  void landed(uint64_t lane, const path::Run&, path::Landing);
  void cancelled(uint64_t lane, const TicketId&, uint32_t epoch, Reason);

 private:
  using Ids = std::set<TicketId>;        // in order: what is decided for many is decided in the same order everywhere
  struct Node {
    uint64_t lane = 0;                   // 0: none is up
    int64_t clock_offset_ns = 0;
    Ids waiting;
    Ids lost;                            // of those: their lane went down and has not come back
    uint64_t grace_timer = 0;
  };
  void need(const Node&);
  void fail_lost(const std::string& name);
  path::Place refuse(Reason);
  const std::string* node_of(uint64_t lane) const;

  Parts& parts_;
  std::unordered_map<std::string, Node> nodes_;
  std::unordered_map<uint64_t, std::string> by_lane_;
};

}  // namespace baton
