#pragma once
// Where a target ticket's runs go, and what has landed of each chunk.
#include <vector>

#include "bus/ticket.h"
#include "path/path.h"

namespace baton {

class Target {
 public:
  Target(Ticket&, Arena&);

  path::Place place(const path::Run&);
  // Verified bytes stand in place. True when that completed the chunk.
  bool landed(const path::Run&, uint64_t now_ns);

 private:
  Ticket& ticket_;
  Arena& arena_;
  std::vector<Bits> landed_;  // by stripe; empty until the chunk's first run
};

}  // namespace baton
