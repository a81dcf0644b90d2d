#include "bus/mailbox.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/planted.h"

namespace baton {

void Mailbox::granted(Granted granted) {
  const std::lock_guard lock(mutex_);
  next_.granted.push_back(std::move(granted));
  news_ = true;
}

void Mailbox::ticket(TicketView view) {
  const std::lock_guard lock(mutex_);
  if (ended(view.state)) live_.erase(view.ticket);
  else live_[view.ticket] = view;
  const auto [it, fresh] = position_.emplace(view.ticket, next_.tickets.size());
  if (fresh) next_.tickets.push_back(std::move(view));
  else if (!planted(Planted::lost_progress)) next_.tickets[it->second] = std::move(view);
  news_ = true;
}

void Mailbox::chunks(std::vector<Arena::Event> events, bool lost) {
  if (events.empty() && !lost) return;
  const std::lock_guard lock(mutex_);
  news_ = true;
  next_.relist = next_.relist || lost || next_.chunks.size() + events.size() > limits::kEventsMax;
  if (next_.relist) next_.chunks.clear();
  else next_.chunks.insert(next_.chunks.end(), events.begin(), events.end());
}

void Mailbox::attachment(AttachmentEvent event) {
  const std::lock_guard lock(mutex_);
  std::erase_if(attached_, [&](const AttachmentEvent& a) { return a.engine == event.engine && a.ns == event.ns; });
  if (event.attached) attached_.push_back(event);
  // Only the last word on each engine matters to a reader that far behind.
  if (next_.attachments.size() >= 16 * limits::kSessionsMax) {
    std::erase_if(next_.attachments, [&](const AttachmentEvent& a) { return a.engine == event.engine; });
  }
  next_.attachments.push_back(std::move(event));
  news_ = true;
}

void Mailbox::tell() {
  {
    const std::lock_guard lock(mutex_);
    if (!news_ || woken_) return;
    woken_ = true;
  }
  wake_();
}

Drained Mailbox::drain() {
  const std::lock_guard lock(mutex_);
  news_ = false;
  if (!planted(Planted::lost_wake) || next_.granted.empty()) woken_ = false;
  position_.clear();
  return std::exchange(next_, {});
}

std::vector<TicketView> Mailbox::live_tickets() const {
  const std::lock_guard lock(mutex_);
  std::vector<TicketView> out;
  out.reserve(live_.size());
  for (const auto& [id, view] : live_) out.push_back(view);
  std::sort(out.begin(), out.end(), [](const TicketView& a, const TicketView& b) { return a.ticket < b.ticket; });
  return out;
}

std::vector<AttachmentEvent> Mailbox::attachments() const {
  const std::lock_guard lock(mutex_);
  return attached_;
}

}  // namespace baton
