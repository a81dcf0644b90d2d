#pragma once
// What the bus's thread has to tell JavaScript, coalesced until it is drained. One wake-up per batch.
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "bus/bus.h"

namespace baton {

class Mailbox {
 public:
  explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  // On the bus's thread.
  void granted(Granted);
  void ticket(TicketView);             // replaces what was not drained yet of the same ticket
  void chunks(std::vector<Arena::Event>, bool lost);
  void attachment(AttachmentEvent);
  void tell();                         // wakes the reader if there is news it was not woken for

  // On any thread.
  Drained drain();
  std::vector<TicketView> live_tickets() const;
  std::vector<AttachmentEvent> attachments() const;

 private:
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  Drained next_;
  std::unordered_map<TicketId, size_t, FirstWord> position_;  // in next_.tickets
  bool news_ = false, woken_ = false;
  std::unordered_map<TicketId, TicketView, FirstWord> live_;
  std::vector<AttachmentEvent> attached_;
};

}  // namespace baton
