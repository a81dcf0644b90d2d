#include "session/client.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/limits.h"
#include "support/session_service.h"

using namespace baton;
using namespace baton::session;
using namespace baton::test;

namespace {

constexpr uint32_t kShortMs = 20;  // for requests that are never answered in time
Fill fill_of(uint32_t chunk) { return Fill{TicketId{}, false, Key{}, chunk, 16}; }

Ticket progress(uint8_t ticket, TicketState state, int status) {
  return Ticket{ticket_id(ticket), state, Reason::none, status, 0};
}

}  // namespace

TEST_CASE("an attached client has the service's arena and incarnation, and knows when the service is gone") {
  ScriptedHandler handler;
  SessionService service(handler);
  auto attachment = attach_to(service.path());
  REQUIRE_MESSAGE(attachment.status == BATON_OK, attachment.error);
  CHECK(attachment.answer.incarnation == 7);
  struct stat file {};
  REQUIRE(::fstat(attachment.arena.get(), &file) == 0);
  CHECK(file.st_size == 4096);
  CHECK((::fcntl(attachment.arena.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(attachment.client->alive());
  service.stop();
  CHECK(!attachment.client->alive());
  Slot slot{};
  CHECK(attachment.client->fill(fill_of(0), slot) == BATON_ERR_CLOSED);
  CHECK(attachment.client->post(Release{1}) == BATON_ERR_CLOSED);
  CHECK(attachment.client->poll(ticket_id(1)) == BATON_ERR_CLOSED);
}

TEST_CASE("a failed attach says what to do") {
  TempFolder folder;
  auto nobody = attach_to(folder.file("nobody"));
  CHECK(nobody.status == BATON_ERR_CLOSED);
  CHECK(!nobody.client);
  CHECK(nobody.error.find("no transfer service listens") != std::string::npos);

  ScriptedHandler handler;
  handler.on_attach = [](SessionId, const Attach&) {
    return Attached{BATON_ERR_NAME_TAKEN, BATON_ABI_VERSION, 0, 0, "the name is taken"};
  };
  SessionService service(handler);
  auto taken = attach_to(service.path());
  CHECK(taken.status == BATON_ERR_NAME_TAKEN);
  CHECK(!taken.client);
  CHECK(taken.error == "the name is taken");
}

TEST_CASE("an attach that is not answered ends at its time-out") {
  Door door;
  ScriptedHandler handler;
  handler.on_attach = [&](SessionId, const Attach&) {
    door.wait();
    return Attached{BATON_OK, BATON_ABI_VERSION, 1, 4096, ""};
  };
  SessionService service(handler);
  auto attachment = attach_to(service.path(), kShortMs);
  CHECK(attachment.status == BATON_ERR_TIMEOUT);
  CHECK(!attachment.client);
  CHECK(attachment.error.find("did not answer within 20 ms") != std::string::npos);
  door.open();
  REQUIRE(handler.wait_ended(1));  // attached for a moment, then its end is noticed
}

TEST_CASE("answers come back to the requests they belong to, from several threads at once") {
  ScriptedHandler handler;
  handler.on_claim = [](SessionId, const Claim& m) {
    Claimed answer{BATON_OK, m.keys.size(), {}};
    for (uint32_t i = 0; i < m.keys.size(); ++i) answer.slots.push_back({i, 1, 16, 4096});
    return answer;
  };
  SessionService service(handler);
  auto attachment = attach_to(service.path());
  REQUIRE(attachment.client);
  Client& client = *attachment.client;
  std::atomic<int> wrong{0};
  constexpr uint32_t kRounds = 200;
  {
    std::vector<std::jthread> threads;
    for (uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint32_t i = 0; i < kRounds; ++i) {
          const uint32_t number = t * kRounds + i;
          Slot slot{};
          wrong += client.fill(fill_of(number), slot) != BATON_OK || slot.fill != 100 + number;
          Claimed claimed{};
          wrong += client.claim({TicketId{}, false, std::vector<Key>(t + 1)}, claimed) != BATON_OK ||
                   claimed.claim != t + 1 || claimed.slots.size() != t + 1;
          wrong += client.poll(ticket_id(static_cast<uint8_t>(t))) != BATON_LANDING;
          wrong += client.post(Announce{t, i, {{number, 1}}}) != BATON_OK;
          wrong += !client.alive();
        }
      });
    }
  }
  CHECK(wrong == 0);
  CHECK(handler.wait_came(4 * kRounds));
  CHECK(client.stats().rpcs == 1 + 4 * (2 * kRounds + 1));
  CHECK(client.stats().late_messages == 0);
}

TEST_CASE("what a late answer grants is given back, and the answer is counted") {
  Door door;
  ScriptedHandler handler;
  handler.on_fill = [&](SessionId, const Fill& m) {
    door.wait();
    return Slot{BATON_OK, 5, 6, 4096, 70 + m.chunk};
  };
  handler.on_claim = [](SessionId, const Claim&) { return Claimed{BATON_OK, 80, {}}; };
  SessionService service(handler);
  auto attachment = attach_to(service.path(), kShortMs);
  REQUIRE(attachment.client);
  Client& client = *attachment.client;
  Slot slot{};
  Claimed claimed{};
  CHECK(client.fill(fill_of(1), slot) == BATON_ERR_TIMEOUT);
  CHECK(client.claim({TicketId{}, false, {Key{}}}, claimed) == BATON_ERR_TIMEOUT);
  CHECK(client.poll(ticket_id(9)) == BATON_ERR_TIMEOUT);
  CHECK(client.stats().rpc_timeouts == 3);
  door.open();
  // alive() reads what has come; the loop answers one request after the other.
  while (client.alive() && client.stats().late_messages < 3) service.on_loop([](Server&) {});
  CHECK(client.alive());
  REQUIRE(handler.wait_came(3));
  const auto messages = handler.messages();
  const auto& abandon = std::get<Abandon>(messages[0]);
  CHECK(abandon.slot == 5);
  CHECK(abandon.generation == 6);
  CHECK(abandon.fill == 71);
  CHECK(std::get<Release>(messages[1]).claim == 80);
  CHECK(std::get<Forget>(messages[2]).ticket == ticket_id(9));
}

TEST_CASE("a service that leaves too many requests unanswered counts as gone") {
  Door door;
  ScriptedHandler handler;
  handler.on_fill = [&](SessionId, const Fill&) {
    door.wait();
    return Slot{BATON_ERR_FULL, 0, 0, 0, 0};
  };
  SessionService service(handler);
  auto impatient = attach_to(service.path(), kShortMs);
  REQUIRE(impatient.client);
  std::vector<int> codes;
  Slot slot{};
  for (uint32_t i = 0; i <= limits::kSessionUnansweredMax; ++i)
    codes.push_back(impatient.client->fill(fill_of(i), slot));
  CHECK(std::count(codes.begin(), codes.end(), BATON_ERR_TIMEOUT) == limits::kSessionUnansweredMax);
  CHECK(codes.back() == BATON_ERR_CLOSED);
  CHECK(impatient.client->closed());
  door.open();
}

TEST_CASE("a ticket is asked for once, later questions read what was pushed") {
  ScriptedHandler handler;
  SessionService service(handler);
  auto attachment = attach_to(service.path());
  REQUIRE(attachment.client);
  Client& client = *attachment.client;
  CHECK(client.poll(ticket_id(1)) == BATON_LANDING);
  CHECK(client.poll(ticket_id(2)) == BATON_LANDING);
  const uint64_t rpcs = client.stats().rpcs;
  const SessionId id = handler.attached()[0];
  service.on_loop([&](Server& server) {
    server.push(id, progress(1, TicketState::streaming, BATON_LANDING));
    server.push(id, progress(1, TicketState::landed, BATON_OK));
    server.push(id, progress(2, TicketState::failed, BATON_ERR_ENDED));
    server.push(id, progress(3, TicketState::landed, BATON_OK));  // never asked for
  });
  CHECK(client.poll(ticket_id(1)) == BATON_OK);
  CHECK(client.poll(ticket_id(2)) == BATON_ERR_ENDED);
  CHECK(client.stats().rpcs == rpcs);
  CHECK(client.stats().late_messages == 1);
  client.forget(ticket_id(1));
  client.forget(ticket_id(3));  // not watched: nothing to tell
  REQUIRE(handler.wait_came(1));
  CHECK(std::get<Forget>(handler.messages()[0]).ticket == ticket_id(1));
  CHECK(client.poll(ticket_id(1)) == BATON_LANDING);
  CHECK(client.stats().rpcs == rpcs + 1);
}

TEST_CASE("a ticket that the service does not know is asked for again") {
  ScriptedHandler handler;
  handler.on_watch = [asked = 0](SessionId, const Watch& m) mutable {
    const int status =
        std::array{BATON_ERR_UNKNOWN, BATON_ERR_FOREIGN, BATON_OK}[static_cast<size_t>(asked++)];
    return Ticket{m.ticket, status ? TicketState::none : TicketState::landed, Reason::none, status, 0};
  };
  SessionService service(handler);
  auto attachment = attach_to(service.path());
  REQUIRE(attachment.client);
  CHECK(attachment.client->poll(ticket_id(1)) == BATON_ERR_UNKNOWN);
  CHECK(attachment.client->poll(ticket_id(1)) == BATON_ERR_FOREIGN);
  CHECK(attachment.client->poll(ticket_id(1)) == BATON_OK);
}

TEST_CASE("a session that ends while a client waits wakes it at once") {
  ScriptedHandler handler;
  Server* server = nullptr;
  handler.on_fill = [&](SessionId id, const Fill&) {
    server->end(id);
    return Slot{BATON_OK, 1, 1, 1, 1};
  };
  SessionService service(handler);
  service.on_loop([&](Server& s) { server = &s; });
  auto attachment = attach_to(service.path());
  REQUIRE(attachment.client);
  Slot slot{};
  CHECK(attachment.client->fill(fill_of(0), slot) == BATON_ERR_CLOSED);
  CHECK(attachment.client->stats().rpc_timeouts == 0);
  REQUIRE(handler.wait_ended(1));
}

TEST_CASE(
    "one-way messages never wait for a service that does not read, and past their bound the session closes") {
  Door door;
  ScriptedHandler handler;
  handler.on_watch = [&](SessionId, const Watch& m) {
    door.wait();
    return Ticket{m.ticket, TicketState::none, Reason::none, BATON_ERR_UNKNOWN, 0};
  };
  SessionService service(handler);
  auto attachment = attach_to(service.path(), kShortMs);
  REQUIRE(attachment.client);
  Client& client = *attachment.client;
  CHECK(client.poll(ticket_id(1)) == BATON_ERR_TIMEOUT);
  size_t posted = 0;
  while (client.post(Release{1}) == BATON_OK) ++posted;
  CHECK(posted * 20 > limits::kSessionSendBytesMax);
  CHECK(client.closed());
  door.open();
  REQUIRE(handler.wait_ended(1));
  // This process may still copy, so its end stays open.
  service.on_loop([](Server&) {});
  CHECK(handler.gone_sessions().empty());
  attachment.client.reset();
  CHECK(handler.wait_gone(1));
}

TEST_CASE("one-way messages that the socket did not take go with the next call") {
  Door door;
  ScriptedHandler handler;
  handler.on_watch = [&](SessionId, const Watch& m) {
    door.wait();
    return Ticket{m.ticket, TicketState::none, Reason::none, BATON_ERR_UNKNOWN, 0};
  };
  SessionService service(handler);
  auto attachment = attach_to(service.path(), kShortMs);
  REQUIRE(attachment.client);
  Client& client = *attachment.client;
  CHECK(client.poll(ticket_id(1)) == BATON_ERR_TIMEOUT);
  constexpr size_t kMessages = 100'000;  // 2 MB: more than a socket holds, less than the bound
  for (size_t i = 0; i < kMessages; ++i) REQUIRE(client.post(Release{i}) == BATON_OK);
  door.open();
  // All of them and the `forget` that the late answer to poll leads to.
  for (size_t came = 0; came < kMessages + 1; came = handler.messages().size()) {
    REQUIRE(client.alive());
    REQUIRE(handler.wait_came(came + 1));
  }
  uint64_t next = 0;
  for (const Message& message : handler.messages()) {
    if (const auto* release = std::get_if<Release>(&message)) REQUIRE(release->claim == next++);
  }
  CHECK(next == kMessages);
}
