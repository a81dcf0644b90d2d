#include "bus/mailbox.h"

#include <doctest/doctest.h>

#include "base/limits.h"

using namespace baton;

namespace {

TicketView view(uint8_t id, TicketState state, uint32_t landed = 0) {
  TicketView v;
  v.ticket[0] = id;
  v.state = state;
  v.chunks_landed = landed;
  return v;
}

}  // namespace

TEST_CASE("the reader is woken once per batch, and not without news") {
  int wakes = 0;
  Mailbox box([&] { ++wakes; });
  box.tell();
  CHECK(wakes == 0);
  for (uint8_t i = 0; i < 10; ++i) {
    box.ticket(view(i, TicketState::reserved));
    box.tell();
  }
  CHECK(wakes == 1);
  CHECK(box.drain().tickets.size() == 10);
  box.tell();
  CHECK(wakes == 1);
  box.granted({});
  box.tell();
  CHECK(wakes == 2);
}

TEST_CASE("changes of one ticket are one entry with its last state, in the place of the first") {
  Mailbox box([] {});
  box.ticket(view(1, TicketState::reserved));
  box.ticket(view(2, TicketState::reserved));
  for (uint32_t i = 1; i <= 5; ++i) box.ticket(view(1, TicketState::streaming, i));
  const Drained drained = box.drain();
  REQUIRE(drained.tickets.size() == 2);
  CHECK(drained.tickets[0].ticket[0] == 1);
  CHECK(drained.tickets[0].chunks_landed == 5);
  box.ticket(view(1, TicketState::landed, 5));
  CHECK(box.drain().tickets.size() == 1);
}

TEST_CASE("the snapshot holds live tickets only, drained or not") {
  Mailbox box([] {});
  box.ticket(view(1, TicketState::reserved));
  box.ticket(view(2, TicketState::reserved));
  box.drain();
  box.ticket(view(2, TicketState::failed));
  const std::vector<TicketView> live = box.live_tickets();
  REQUIRE(live.size() == 1);
  CHECK(live[0].ticket[0] == 1);
}

TEST_CASE("more chunk events than the bound become a re-list mark") {
  Mailbox box([] {});
  const std::vector<Arena::Event> many(limits::kEventsMax / 2 + 1);
  for (int i = 0; i < 3; ++i) box.chunks(many, false);
  const Drained drained = box.drain();
  CHECK(drained.relist);
  CHECK(drained.chunks.empty());
  box.chunks({many.begin(), many.begin() + 3}, false);
  const Drained after = box.drain();
  CHECK_FALSE(after.relist);
  CHECK(after.chunks.size() == 3);
}

TEST_CASE("an engine that comes and goes unheard costs bounded memory and keeps its last word") {
  Mailbox box([] {});
  AttachmentEvent event;
  event.engine = "p";
  for (uint32_t i = 0; i < 10'000; ++i) {
    event.attached = i % 2 == 0;
    box.attachment(event);
  }
  CHECK(box.attachments().empty());
  const Drained drained = box.drain();
  CHECK(drained.attachments.size() <= 16 * limits::kSessionsMax);
  CHECK_FALSE(drained.attachments.back().attached);
}
