#include "bus/leases.h"

#include "base/planted.h"

namespace baton {

Leases::Leases(Loop& loop, std::function<void(const TicketId&)> expired) : loop_(loop), expired_(std::move(expired)) {}

Leases::~Leases() { loop_.cancel(timer_); }

void Leases::set(const TicketId& ticket, uint32_t lease_ms) {
  drop(ticket);
  const uint64_t due = loop_.now_ns() + uint64_t{lease_ms} * 1'000'000;
  by_due_.emplace(due, ticket);
  due_.emplace(ticket, due);
  arm();
}

void Leases::drop(const TicketId& ticket) {
  const auto it = due_.find(ticket);
  if (it == due_.end()) return;
  by_due_.erase({it->second, ticket});
  due_.erase(it);
}

// The timer is left running when its lease is dropped; it then finds nothing due and is set for the next.
void Leases::arm() {
  if (by_due_.empty()) return;
  const uint64_t due = by_due_.begin()->first;
  if (timer_ != 0 && (armed_for_ <= due || planted(Planted::late_lease))) return;
  loop_.cancel(timer_);
  const uint64_t now = loop_.now_ns();
  armed_for_ = due;
  timer_ = loop_.after(due > now ? due - now : 0, [this] { fire(); });
}

void Leases::fire() {
  timer_ = 0;
  const uint64_t now = loop_.now_ns();
  while (!by_due_.empty() && by_due_.begin()->first <= now) {
    const TicketId ticket = by_due_.begin()->second;
    drop(ticket);
    expired_(ticket);
  }
  arm();
}

}  // namespace baton
