#pragma once
// The parts of one bus. They live on its thread and call each other directly; each says what it calls for.
#include <functional>

#include "arena/arena.h"
#include "base/loop.h"
#include "bus/bus.h"
#include "bus/mailbox.h"

namespace baton {

class Tickets;
class Lanes;
class Arrivals;
namespace path {
class Endpoint;
}
class Fills;
class Engines;

struct Parts {
  Parts(const BusOptions& o, Loop& l, Arena& a, Mailbox& m, std::function<uint32_t()> e, std::function<void()> publish)
      : options(o), loop(l), arena(a), mailbox(m), epoch(std::move(e)), publish_soon(std::move(publish)) {}

  const BusOptions& options;
  Loop& loop;
  Arena& arena;
  Mailbox& mailbox;
  std::function<uint32_t()> epoch;     // of a new reservation
  std::function<void()> publish_soon;  // at the end of this turn
  BusCounters counters{};
  uint64_t fills = 0;                  // the last fill's id
  path::Endpoint* endpoint = nullptr;
  Tickets* tickets = nullptr;
  Lanes* lanes = nullptr;
  Arrivals* arrivals = nullptr;
  Fills* fill_table = nullptr;
  Engines* engines = nullptr;
};

}  // namespace baton
