#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "baton.h"
#include "support/arena_handler.h"

using namespace baton;
using namespace baton::session;
using namespace baton::test;

TEST_CASE("accept sends count, last key and tokens, and brings back which chunks are needed") {
  ArenaHandler handler;
  Accept seen{};
  handler.on_accept = [&](SessionId, const Accept& m) {
    seen = m;
    return Accepted{BATON_OK, {1, 0, 1}};
  };
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  const std::vector<uint8_t> keys = keys_below(3);
  uint8_t need[3] = {9, 9, 9};
  CHECK(baton_ticket_accept(engine.client, ticket_id(4).data(), keys.data(), 3, 150, need) == BATON_OK);
  CHECK(seen.ticket == ticket_id(4));
  CHECK(seen.last_key == key_of(2));
  CHECK(seen.chunks == 3);
  CHECK(seen.total_tokens == 150);
  CHECK(std::memcmp(need, "\1\0\1", 3) == 0);
}

TEST_CASE("what the service answers to accept is passed on, or refused when it makes no sense") {
  ArenaHandler handler;
  Accepted answer{};
  handler.on_accept = [&](SessionId, const Accept&) { return answer; };
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  uint8_t need = 9;
  const auto accept = [&](int status, std::vector<uint8_t> needed) {
    service.on_loop([&](Server&) { answer = {status, std::move(needed)}; });
    return baton_ticket_accept(engine.client, ticket_id(4).data(), key_of(0).data(), 1, 10, &need);
  };
  for (const int status : {BATON_ERR_UNKNOWN, BATON_ERR_FOREIGN, BATON_ERR_ENDED, BATON_ERR_MISMATCH}) {
    CHECK(accept(status, {}) == status);
  }
  CHECK(accept(BATON_OK, {}) == BATON_ERR_PROTOCOL);
  CHECK(accept(BATON_OK, {1, 1}) == BATON_ERR_PROTOCOL);
  CHECK(accept(BATON_LANDING, {1}) == BATON_ERR_PROTOCOL);
  CHECK(need == 9);
  CHECK(baton_alive(engine.client) == BATON_OK);
}

TEST_CASE("a ticket is polled from landing to landed, and forgotten") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  const TicketId ticket = ticket_id(1);
  CHECK(baton_ticket_poll(engine.client, ticket.data()) == BATON_LANDING);
  CHECK(baton_ticket_poll(engine.client, ticket.data()) == BATON_LANDING);
  service.on_loop([&](Server& server) {
    server.push(handler.attached()[0], {ticket, TicketState::landed, Reason::none, BATON_OK, 1});
  });
  CHECK(baton_ticket_poll(engine.client, ticket.data()) == BATON_OK);
  baton_counters counters{};
  counters.struct_size = sizeof counters;
  CHECK(baton_client_counters(engine.client, &counters) == BATON_OK);
  CHECK(counters.rpcs == 2);  // attach and one watch
  baton_ticket_forget(engine.client, ticket.data());
  REQUIRE(handler.wait_came(1));
  CHECK(std::get<Forget>(handler.messages()[0]).ticket == ticket);
}

TEST_CASE("a fill and a claim name their ticket, and stamps of scattered layers reach the service") {
  ArenaHandler handler;
  Fill fill{};
  Claim claim_seen{};
  handler.on_fill = [&](SessionId, const Fill& m) {
    fill = m;
    return Slot{BATON_OK, 1, 2, 3, 4};
  };
  handler.on_claim = [&](SessionId, const Claim& m) {
    claim_seen = m;
    return Claimed{BATON_OK, 8, {{6, 7, 20, 9}}};
  };
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  const TicketId ticket = ticket_id(3);
  baton_slot slot;
  CHECK(baton_fill_begin(engine.client, ticket.data(), key_of(1).data(), 5, 20, &slot) == BATON_OK);
  CHECK(fill.has_ticket);
  CHECK(fill.ticket == ticket);
  CHECK(fill.chunk == 5);
  CHECK(slot.slot == 1);
  CHECK(slot.generation == 2);
  CHECK(slot.offset == 3);
  CHECK(slot.fill == 4);
  CHECK(slot.tokens == 20);
  CHECK(std::memcmp(slot.ticket, ticket.data(), ticket.size()) == 0);
  uint32_t n = 0;
  uint64_t claim = 0;
  CHECK(baton_claim(engine.client, ticket.data(), key_of(1).data(), 1, &slot, &n, &claim) == BATON_OK);
  CHECK(claim_seen.has_ticket);
  CHECK(claim == 8);
  CHECK(slot.fill == 0);
  CHECK(std::memcmp(slot.ticket, ticket.data(), ticket.size()) == 0);
  const uint64_t stamps[3] = {10, 0, 30};
  CHECK(baton_scattered(engine.client, ticket.data(), stamps, 3) == BATON_OK);
  REQUIRE(handler.wait_came(1));
  CHECK(std::get<Scattered>(handler.messages()[0]).stamps_ns == std::vector<uint64_t>{10, 0, 30});
}

TEST_CASE("a claim that cannot be true is released and refused") {
  ArenaHandler handler;
  for (const uint32_t tokens : {0u, 65u}) {
    handler.on_claim = [&](SessionId, const Claim&) { return Claimed{BATON_OK, 8, {{6, 7, tokens, 9}}}; };
    SessionService service(handler, handler.arena().fd());
    Engine engine(service.path());
    REQUIRE_MESSAGE(engine.client, engine.error);
    baton_slot slot;
    uint32_t n = 5;
    uint64_t claim = 5;
    CHECK(baton_claim(engine.client, nullptr, key_of(1).data(), 1, &slot, &n, &claim) == BATON_ERR_PROTOCOL);
    CHECK(n == 0);
    CHECK(claim == 0);
    REQUIRE(handler.wait_came(tokens == 0 ? 1 : 2));
    CHECK(std::get<Release>(handler.messages().back()).claim == 8);
  }
}
