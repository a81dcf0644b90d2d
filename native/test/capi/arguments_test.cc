#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "base/limits.h"
#include "baton.h"
#include "support/arena_handler.h"
#include "support/engine_pages.h"

using namespace baton;
using namespace baton::test;

namespace {

constexpr uint32_t kHuge = 0xffffffffu;

}  // namespace

TEST_CASE("no call of the scheduler's half crashes on missing pointers or absurd sizes") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  baton_client* c = engine.client;
  const TicketId ticket = ticket_id(1);
  const Key key = key_of(1);
  const uint8_t *t = ticket.data(), *k = key.data();
  const uint32_t over = limits::kChunksPerTicketMax + 1;
  uint8_t need = 0;
  uint32_t n = 0;
  uint64_t claim = 0;
  baton_slot slot{};
  const std::vector<std::function<int()>> calls = {
      [&] { return baton_alive(nullptr); },
      [&] { return baton_lookup(nullptr, k, 1, &n); },
      [&] { return baton_lookup(c, nullptr, 1, &n); },
      [&] { return baton_lookup(c, k, 1, nullptr); },
      [&] { return baton_lookup(c, k, kHuge, &n); },
      [&] { return baton_ticket_accept(nullptr, t, k, 1, 1, &need); },
      [&] { return baton_ticket_accept(c, nullptr, k, 1, 1, &need); },
      [&] { return baton_ticket_accept(c, t, nullptr, 1, 1, &need); },
      [&] { return baton_ticket_accept(c, t, k, 1, 1, nullptr); },
      [&] { return baton_ticket_accept(c, t, k, 0, 1, &need); },
      [&] { return baton_ticket_accept(c, t, k, over, 1, &need); },
      [&] { return baton_ticket_accept(c, t, k, 1, 0, &need); },
      [&] { return baton_ticket_poll(nullptr, t); },
      [&] { return baton_ticket_poll(c, nullptr); },
      [&] { return baton_fill_begin(nullptr, t, k, 0, 1, &slot); },
      [&] { return baton_fill_begin(c, t, nullptr, 0, 1, &slot); },
      [&] { return baton_fill_begin(c, t, k, 0, 1, nullptr); },
      [&] { return baton_fill_begin(c, t, k, 0, 0, &slot); },
      [&] { return baton_fill_begin(c, t, k, 0, 65, &slot); },
      [&] { return baton_fill_begin(c, t, k, kHuge, 1, &slot); },
      [&] { return baton_fill_abort(nullptr, &slot); },
      [&] { return baton_fill_abort(c, nullptr); },
      [&] { return baton_claim(nullptr, t, k, 1, &slot, &n, &claim); },
      [&] { return baton_claim(c, t, nullptr, 1, &slot, &n, &claim); },
      [&] { return baton_claim(c, t, k, 1, nullptr, &n, &claim); },
      [&] { return baton_claim(c, t, k, 1, &slot, nullptr, &claim); },
      [&] { return baton_claim(c, t, k, 1, &slot, &n, nullptr); },
      [&] { return baton_claim(c, t, k, 0, &slot, &n, &claim); },
      [&] { return baton_claim(c, t, k, over, &slot, &n, &claim); },
      [&] { return baton_release(nullptr, 1); },
      [&] { return baton_scattered(nullptr, t, &claim, 1); },
      [&] { return baton_scattered(c, nullptr, &claim, 3); },
      [&] { return baton_scattered(c, t, nullptr, 3); },
      [&] { return baton_scattered(c, t, &claim, kHuge); },
      [&] { return baton_client_counters(nullptr, nullptr); },
      [&] { return baton_client_counters(c, nullptr); },
  };
  for (size_t i = 0; i < calls.size(); ++i) CHECK_MESSAGE(calls[i]() == BATON_ERR_ARGUMENT, "call ", i);
  baton_counters empty{};
  CHECK(baton_client_counters(c, &empty) == BATON_ERR_ARGUMENT);
  baton_detach(nullptr);
  baton_ticket_forget(nullptr, t);
  baton_ticket_forget(c, nullptr);
  CHECK(baton_incarnation(nullptr) == 0);
  CHECK(baton_release(c, 0) == BATON_OK);
  CHECK(baton_lookup(c, nullptr, 0, &n) == BATON_OK);
  CHECK(baton_alive(c) == BATON_OK);
  service.stop();
  CHECK(handler.messages().empty());
}

TEST_CASE("no call of the worker's half writes a byte when an argument is wrong") {
  ArenaHandler handler;
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  baton_client* c = engine.client;
  baton_slot slot;
  REQUIRE(baton_fill_begin(c, nullptr, key_of(0).data(), 0, 40, &slot) == BATON_OK);
  EnginePages pages(small_geometry(), 16, 8);
  const auto at = pages.take(40);
  const baton_layer_layout good = pages.layout(0);
  const auto gather = [&](uint32_t layer, uint32_t head, uint32_t heads, const baton_layer_layout* layout,
                          const uint32_t* list, uint32_t count, uint32_t offset) {
    return baton_gather(c, &slot, layer, head, heads, layout, list, count, offset);
  };
  CHECK(baton_gather(nullptr, &slot, 0, 0, 1, &good, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(baton_gather(c, nullptr, 0, 0, 1, &good, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(3, 0, 1, &good, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 2, 1, &good, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 1, kHuge, &good, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 0, &good, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 2, nullptr, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 2, &good, nullptr, 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 2, &good, at.data(), 0, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 2, &good, at.data(), 2, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 2, &good, at.data(), 3, 9) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 0, 2, &good, at.data(), 3, kHuge) == BATON_ERR_ARGUMENT);
  for (const auto& spoil : std::vector<std::function<void(baton_layer_layout&)>>{
           [](auto& l) { l.struct_size = 8; }, [](auto& l) { l.page_tokens = 0; },
           [](auto& l) { l.plane[1].base = nullptr; }, [](auto& l) { l.plane[0].elements = kHuge; },
           [](auto& l) { l.plane[0].element_bytes = 0; }, [](auto& l) { l.plane[1].elements += 1; }}) {
    baton_layer_layout bad = good;
    spoil(bad);
    CHECK(gather(0, 0, 2, &bad, at.data(), 3, 0) == BATON_ERR_ARGUMENT);
    CHECK(baton_scatter(c, &slot, 0, 0, 2, &bad, at.data(), 3, 0, 0, 40, 1) < 0);
    uint8_t digest[BATON_DIGEST_BYTES];
    const baton_geometry geometry{3, 2, 2, {64, 32, 0, 0}, 64};
    CHECK(baton_digest_pages(&geometry, slot.key, 0, 0, 40, &bad, at.data(), 3, 0, digest) ==
          BATON_ERR_ARGUMENT);
  }
  for (uint32_t stripe = 0; stripe < 6; ++stripe) CHECK(!handler.arena().filled(slot.slot, stripe));

  CHECK(baton_scatter(c, &slot, 0, 0, 2, &good, at.data(), 3, 0, 41, 0, 1) == BATON_ERR_ARGUMENT);
  CHECK(baton_scatter(c, &slot, 0, 0, 2, &good, at.data(), 3, 0, 1, 40, 1) == BATON_ERR_ARGUMENT);
  CHECK(baton_scatter(c, &slot, 0, 0, 2, &good, at.data(), 3, 0, 1, kHuge, 1) == BATON_ERR_ARGUMENT);
  CHECK(baton_scatter(c, nullptr, 0, 0, 2, &good, at.data(), 3, 0, 0, 1, 1) == BATON_ERR_ARGUMENT);
  CHECK(pages.untouched());

  CHECK(baton_announce(nullptr, &slot, 1, 0, 0) == BATON_ERR_ARGUMENT);
  CHECK(baton_announce(c, nullptr, 1, 0, 0) == BATON_ERR_ARGUMENT);
  CHECK(baton_announce(c, &slot, 0, 0, 0) == BATON_ERR_ARGUMENT);
  CHECK(baton_announce(c, &slot, kHuge, 0, 0) == BATON_ERR_ARGUMENT);
  CHECK(baton_announce(c, &slot, 1, 3, 0) == BATON_ERR_ARGUMENT);
  CHECK(handler.messages().empty());
}

TEST_CASE("digest of pages needs no client and refuses what cannot be") {
  EnginePages pages(small_geometry(), 16, 8);
  const auto at = pages.take(40);
  const baton_layer_layout layout = pages.layout(0);
  const baton_geometry geometry{3, 2, 2, {64, 32, 0, 0}, 64};
  const Key key = key_of(0);
  uint8_t digest[BATON_DIGEST_BYTES];
  const auto call = [&](const baton_geometry& g, uint32_t layer, uint32_t head, uint32_t tokens) {
    return baton_digest_pages(&g, key.data(), layer, head, tokens, &layout, at.data(), 3, 0, digest);
  };
  CHECK(call(geometry, 0, 0, 40) == BATON_OK);
  CHECK(call(geometry, 3, 0, 40) == BATON_ERR_ARGUMENT);
  CHECK(call(geometry, 0, 2, 40) == BATON_ERR_ARGUMENT);
  CHECK(call(geometry, 0, 0, 0) == BATON_ERR_ARGUMENT);
  CHECK(call(geometry, 0, 0, 49) == BATON_ERR_ARGUMENT);
  CHECK(call({3, 2, 5, {64, 32, 0, 0}, 64}, 0, 0, 40) == BATON_ERR_ARGUMENT);
  CHECK(baton_digest_pages(nullptr, key.data(), 0, 0, 40, &layout, at.data(), 3, 0, digest) ==
        BATON_ERR_ARGUMENT);
  CHECK(baton_digest_pages(&geometry, nullptr, 0, 0, 40, &layout, at.data(), 3, 0, digest) ==
        BATON_ERR_ARGUMENT);
  CHECK(baton_digest_pages(&geometry, key.data(), 0, 0, 40, nullptr, at.data(), 3, 0, digest) ==
        BATON_ERR_ARGUMENT);
  CHECK(baton_digest_pages(&geometry, key.data(), 0, 0, 40, &layout, at.data(), 3, 0, nullptr) ==
        BATON_ERR_ARGUMENT);
}
