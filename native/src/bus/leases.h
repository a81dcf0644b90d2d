#pragma once
// Deadlines of live tickets on the bus's own clock: expiry needs no JavaScript.
#include <cstdint>
#include <functional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/loop.h"
#include "base/types.h"

namespace baton {

class Leases {
 public:
  Leases(Loop&, std::function<void(const TicketId&)> expired);
  ~Leases();
  void set(const TicketId&, uint32_t lease_ms);  // from now; replaces an earlier one
  void drop(const TicketId&);

 private:
  void arm();
  void fire();

  Loop& loop_;
  const std::function<void(const TicketId&)> expired_;
  std::set<std::pair<uint64_t, TicketId>> by_due_;
  std::unordered_map<TicketId, uint64_t, FirstWord> due_;
  uint64_t timer_ = 0, armed_for_ = 0;
};

}  // namespace baton
