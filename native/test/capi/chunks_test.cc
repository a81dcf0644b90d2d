#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "baton.h"
#include "support/arena_handler.h"
#include "support/engine_pages.h"

using namespace baton;
using namespace baton::test;

namespace {

constexpr uint32_t kTokens = 64;

struct Node {
  ArenaHandler handler;
  SessionService service{handler, handler.arena().fd()};
  Engine prefill{service.path(), "prefill"}, decode{service.path(), "decode"};

  Node() {
    REQUIRE_MESSAGE(prefill.status == BATON_OK, prefill.error);
    REQUIRE_MESSAGE(decode.status == BATON_OK, decode.error);
  }
  // Waits until the service has handled all that was sent before.
  void settle() {
    uint32_t n;
    uint64_t claim;
    baton_slot slot;
    for (const Engine* engine : {&prefill, &decode}) {
      CHECK(baton_claim(engine->client, nullptr, key_of(999).data(), 1, &slot, &n, &claim) == BATON_OK);
      CHECK(baton_release(engine->client, claim) == BATON_OK);
    }
  }
  baton_slot begin(uint32_t chunk, uint32_t tokens = kTokens) {
    baton_slot slot;
    REQUIRE(baton_fill_begin(prefill.client, nullptr, key_of(chunk).data(), chunk, tokens, &slot) ==
            BATON_OK);
    return slot;
  }
  int gather(const baton_slot& slot, uint32_t layer, EnginePages& pages, const std::vector<uint32_t>& at,
             uint32_t offset = 0) {
    const baton_layer_layout layout = pages.layout(layer);
    return baton_gather(prefill.client, &slot, layer, 0, 2, &layout, at.data(),
                        static_cast<uint32_t>(at.size()), offset);
  }
  int scatter(const baton_slot& slot, uint32_t layer, EnginePages& pages, const std::vector<uint32_t>& at,
              uint32_t offset, uint32_t first, uint32_t count, int verify = 1) {
    const baton_layer_layout layout = pages.layout(layer);
    return baton_scatter(decode.client, &slot, layer, 0, 2, &layout, at.data(),
                         static_cast<uint32_t>(at.size()), offset, first, count, verify);
  }
  // One whole chunk from pages to the arena.
  void fill(uint32_t chunk, uint32_t tokens, EnginePages& pages, const std::vector<uint32_t>& at,
            uint32_t offset) {
    const baton_slot slot = begin(chunk, tokens);
    for (uint32_t layer = 0; layer < 3; ++layer) {
      REQUIRE(gather(slot, layer, pages, at, offset) == BATON_OK);
      REQUIRE(baton_announce(prefill.client, &slot, 1, layer, 1000 + layer) == BATON_OK);
    }
    settle();
  }
  baton_slot claim(uint32_t chunk, uint64_t& claim) {
    baton_slot slot;
    uint32_t n = 0;
    REQUIRE(baton_claim(decode.client, nullptr, key_of(chunk).data(), 1, &slot, &n, &claim) == BATON_OK);
    REQUIRE(n == 1);
    return slot;
  }
};

}  // namespace

TEST_CASE("chunks go from one engine's pages to another's with other page sizes and offsets, byte for byte") {
  Node node;
  struct Chunk {
    uint32_t number, tokens, from_offset, to_offset;
  };
  EnginePages from(small_geometry(), 16, 64), to(small_geometry(), 32, 64);
  for (const auto& [number, tokens, from_offset, to_offset] :
       {Chunk{0, 64, 0, 0}, {1, 64, 5, 31}, {2, 1, 15, 0}, {3, 37, 3, 17}}) {
    const auto source = from.take(tokens, from_offset), target = to.take(tokens, to_offset);
    from.compute(source, from_offset, tokens, 100 + number);
    node.fill(number, tokens, from, source, from_offset);
    uint64_t claim = 0;
    const baton_slot slot = node.claim(number, claim);
    CHECK(slot.tokens == tokens);
    for (uint32_t layer = 0; layer < 3; ++layer) {
      CHECK(node.scatter(slot, layer, to, target, to_offset, 0, tokens) == BATON_OK);
    }
    CHECK(to.hold(target, to_offset, 0, tokens, 100 + number));
    CHECK(baton_release(node.decode.client, claim) == BATON_OK);
  }
  node.settle();
  CHECK(node.handler.arena().stats().bytes_pinned == 0);
  CHECK(node.handler.arena().check_integrity() == "");
}

TEST_CASE("the digest of an engine's pages is the one that gather stores") {
  Node node;
  EnginePages pages(small_geometry(), 16, 64);
  const auto at = pages.take(40, 7);
  pages.compute(at, 7, 40, 5);
  node.fill(0, 40, pages, at, 7);
  uint64_t claim = 0;
  const baton_slot slot = node.claim(0, claim);
  const baton_geometry geometry{3, 2, 2, {64, 32, 0, 0}, 64};
  for (uint32_t stripe = 0; stripe < 6; ++stripe) {
    Digest digest;
    const baton_layer_layout layout = pages.layout(stripe / 2);
    REQUIRE(baton_digest_pages(&geometry, slot.key, stripe / 2, stripe % 2, 40, &layout, at.data(),
                               static_cast<uint32_t>(at.size()), 7, digest.data()) == BATON_OK);
    CHECK(digest == node.handler.arena().digests(slot.slot)[stripe]);
  }
}

TEST_CASE("scatter writes exactly the tokens asked for") {
  Node node;
  EnginePages from(small_geometry(), 16, 64), to(small_geometry(), 16, 64);
  const auto source = from.take(kTokens), target = to.take(kTokens);
  from.compute(source, 0, kTokens, 1);
  node.fill(0, kTokens, from, source, 0);
  to.compute(target, 0, kTokens, 2);
  uint64_t claim = 0;
  const baton_slot slot = node.claim(0, claim);
  for (uint32_t layer = 0; layer < 3; ++layer)
    CHECK(node.scatter(slot, layer, to, target, 0, 10, 33) == BATON_OK);
  CHECK(to.hold(target, 0, 0, 10, 2));
  CHECK(to.hold(target, 0, 10, 33, 1));
  CHECK(to.hold(target, 0, 43, kTokens - 43, 2));
}

TEST_CASE("lookup counts the leading chunks that are sealed, and a held chunk is not begun again") {
  Node node;
  EnginePages pages(small_geometry(), 16, 64);
  const auto at = pages.take(kTokens);
  pages.compute(at, 0, kTokens, 1);
  const std::vector<uint8_t> keys = keys_below(4);
  const auto held = [&] {
    uint32_t n = 99;
    CHECK(baton_lookup(node.decode.client, keys.data(), 4, &n) == BATON_OK);
    return n;
  };
  CHECK(held() == 0);
  node.fill(0, kTokens, pages, at, 0);
  node.fill(1, kTokens, pages, at, 0);
  node.fill(3, kTokens, pages, at, 0);
  const baton_slot begun = node.begin(2);
  CHECK(held() == 2);
  baton_slot slot;
  CHECK(baton_fill_begin(node.prefill.client, nullptr, key_of(1).data(), 1, kTokens, &slot) == BATON_HELD);
  std::vector<baton_slot> slots(4);
  uint32_t claimed = 0;
  uint64_t claim = 0;
  CHECK(baton_claim(node.decode.client, nullptr, keys.data(), 4, slots.data(), &claimed, &claim) == BATON_OK);
  CHECK(claimed == 2);
  CHECK(slots[1].chunk == 1);
  CHECK(std::memcmp(slots[1].key, key_of(1).data(), BATON_KEY_BYTES) == 0);
  CHECK(baton_release(node.decode.client, claim) == BATON_OK);
  CHECK(baton_fill_abort(node.prefill.client, &begun) == BATON_OK);
  node.settle();
  CHECK(node.handler.arena().stats().slots_used == 3);
}

TEST_CASE("a full arena says so at once") {
  ArenaHandler handler(64u << 10);
  SessionService service(handler, handler.arena().fd());
  Engine engine(service.path());
  REQUIRE_MESSAGE(engine.client, engine.error);
  baton_slot slot;
  int status = BATON_OK;
  for (uint32_t i = 0; i < 10 && status == BATON_OK; ++i) {
    status = baton_fill_begin(engine.client, nullptr, key_of(i).data(), i, kTokens, &slot);
  }
  CHECK(status == BATON_ERR_FULL);
}

TEST_CASE(
    "a slot that was given up or sealed is no longer gathered into, and an unsealed one is not scattered") {
  Node node;
  EnginePages pages(small_geometry(), 16, 64);
  const auto at = pages.take(kTokens);
  pages.compute(at, 0, kTokens, 1);
  const baton_slot given_up = node.begin(0);
  CHECK(node.scatter(given_up, 0, pages, at, 0, 0, kTokens) == BATON_ERR_ENDED);
  CHECK(baton_fill_abort(node.prefill.client, &given_up) == BATON_OK);
  node.settle();
  CHECK(node.gather(given_up, 0, pages, at) == BATON_ERR_ENDED);
  node.fill(1, kTokens, pages, at, 0);
  uint64_t claim = 0;
  const baton_slot sealed = node.claim(1, claim);
  CHECK(node.gather(sealed, 0, pages, at) == BATON_ERR_ENDED);
  baton_slot wild = sealed;
  wild.slot = 0xffffffffu;
  CHECK(node.scatter(wild, 0, pages, at, 0, 0, kTokens) == BATON_ERR_ENDED);
  wild = sealed;
  wild.generation += 1;
  CHECK(node.scatter(wild, 0, pages, at, 0, 0, kTokens) == BATON_ERR_ENDED);
  wild = sealed;
  wild.key[0] ^= 1;
  CHECK(node.scatter(wild, 0, pages, at, 0, 0, kTokens) == BATON_ERR_ARGUMENT);
  wild = sealed;
  wild.tokens -= 1;
  CHECK(node.scatter(wild, 0, pages, at, 0, 0, 1) == BATON_ERR_ARGUMENT);
}

TEST_CASE("a stripe gathered before a preemption is not gathered again") {
  Node node;
  EnginePages pages(small_geometry(), 16, 64);
  const auto at = pages.take(kTokens);
  pages.compute(at, 0, kTokens, 1);
  const baton_slot slot = node.begin(0);
  CHECK(node.gather(slot, 0, pages, at) == BATON_OK);
  pages.compute(at, 0, kTokens, 2);
  for (uint32_t layer = 0; layer < 3; ++layer) CHECK(node.gather(slot, layer, pages, at) == BATON_OK);
  const uint8_t* stripe = node.handler.arena().payload(slot.slot);
  pages.compute(at, 0, kTokens, 1);
  CHECK(std::memcmp(stripe, pages.token(at, 0, 0, 0, 0, 0), 64) == 0);
}

TEST_CASE("a flipped bit is found while scattering, reported and dropped; unverified it goes through") {
  Node node;
  EnginePages from(small_geometry(), 16, 64), to(small_geometry(), 16, 64);
  const auto source = from.take(kTokens), target = to.take(kTokens);
  from.compute(source, 0, kTokens, 1);
  node.fill(0, kTokens, from, source, 0);
  uint64_t claim = 0;
  const baton_slot slot = node.claim(0, claim);
  const uint64_t stripe_bytes = small_geometry().stripe_bytes(kTokens);
  node.handler.arena().payload(slot.slot)[stripe_bytes * 3 + 70] ^= 4;  // layer 1, head 1
  CHECK(node.scatter(slot, 0, to, target, 0, 0, kTokens) == BATON_OK);
#ifdef BATON_TEST_HOOKS
  ::setenv("BATON_VERIFY", "off", 1);
  CHECK(node.scatter(slot, 1, to, target, 0, 0, kTokens) == BATON_OK);
  ::unsetenv("BATON_VERIFY");
#endif
  CHECK(node.scatter(slot, 1, to, target, 0, 0, kTokens, 0) == BATON_OK);
  CHECK(!to.hold(target, 0, 0, kTokens, 1));
#ifndef BATON_TEST_HOOKS
  ::setenv("BATON_VERIFY", "off", 1);  // a product build has no such switch
#endif
  CHECK(node.scatter(slot, 1, to, target, 0, 0, kTokens) == BATON_ERR_DIGEST);
  ::unsetenv("BATON_VERIFY");
  baton_counters counters{};
  counters.struct_size = sizeof counters;
  CHECK(baton_client_counters(node.decode.client, &counters) == BATON_OK);
  CHECK(counters.digest_failures == 1);
  node.settle();
  session::Corrupt corrupt{};
  for (const auto& message : node.handler.messages()) {
    if (const auto* m = std::get_if<session::Corrupt>(&message)) corrupt = *m;
  }
  CHECK(corrupt.slot == slot.slot);
  CHECK(corrupt.stripe == 3);
  uint32_t held = 9;
  CHECK(baton_lookup(node.decode.client, key_of(0).data(), 1, &held) == BATON_OK);
  CHECK(held == 0);
}

TEST_CASE("several threads gather and scatter while others make round trips") {
  Node node;
  EnginePages from(small_geometry(), 16, 64);
  const auto source = from.take(kTokens);
  from.compute(source, 0, kTokens, 9);
  node.fill(0, kTokens, from, source, 0);
  uint64_t claim = 0;
  const baton_slot slot = node.claim(0, claim);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (uint32_t t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        EnginePages to(small_geometry(), 16, 64);
        const auto target = to.take(kTokens);
        for (uint32_t i = 0; i < 20; ++i) {
          for (uint32_t layer = 0; layer < 3; ++layer)
            wrong += node.scatter(slot, layer, to, target, 0, 0, kTokens) != 0;
        }
        wrong += !to.hold(target, 0, 0, kTokens, 9);
        EnginePages own(small_geometry(), 16, 64);
        const auto at = own.take(kTokens);
        own.compute(at, 0, kTokens, t);
        for (uint32_t i = 0; i < 10; ++i) {
          baton_slot mine;
          wrong +=
              baton_fill_begin(node.prefill.client, nullptr, key_of(100 + t).data(), 0, kTokens, &mine) != 0;
          for (uint32_t layer = 0; layer < 3; ++layer) wrong += node.gather(mine, layer, own, at) != 0;
          wrong += baton_fill_abort(node.prefill.client, &mine) != 0;
          uint32_t held = 9;
          wrong += baton_lookup(node.prefill.client, key_of(0).data(), 1, &held) != 0 || held != 1;
        }
      });
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("counters tell bytes and round trips, and fill only what the caller's struct holds") {
  Node node;
  EnginePages pages(small_geometry(), 16, 64);
  const auto at = pages.take(10);
  pages.compute(at, 0, 10, 1);
  node.fill(0, 10, pages, at, 0);
  baton_counters counters{};
  counters.struct_size = sizeof counters;
  CHECK(baton_client_counters(node.prefill.client, &counters) == BATON_OK);
  CHECK(counters.gathered_bytes == small_geometry().payload_bytes(10));
  CHECK(counters.rpcs == 3);  // attach, fill, settle
  CHECK(counters.struct_size == sizeof counters);
  baton_counters older;
  std::memset(&older, 0xaa, sizeof older);
  older.struct_size = offsetof(baton_counters, gathered_bytes);
  CHECK(baton_client_counters(node.prefill.client, &older) == BATON_OK);
  CHECK(older.rpcs == 3);
  CHECK(older.gathered_bytes == 0xaaaaaaaaaaaaaaaaull);
}
