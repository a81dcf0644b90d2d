#include <doctest/doctest.h>

#include "support/lane_end.h"
#include "support/lane_proxy.h"

using namespace baton;
using namespace baton::test;
using path::Landing;

namespace {

// A source that reaches its target only through a proxy, and sends four runs of two stripes.
struct Tampered {
  explicit Tampered(LaneProxy::Tamper tamper)
      : source(options("a")), target(options("b")), proxy(target.endpoint->port(), std::move(tamper)) {
    landed = &target.expect(chunk);
    source.dial("b", proxy.port());
    REQUIRE(turn_until({&source, &target}, [&] { return source.ups.size() == 1 && target.ups.size() == 1; }));
    for (uint32_t i = 0; i < 4; ++i) REQUIRE(source.lane().announce(chunk.run(i * 2, 2)));
  }
  static path::tcp::Options options(const char* node) {
    path::tcp::Options options = lane_options(node);
    options.keys = {std::vector<uint8_t>(32, 7)};
    return options;
  }
  bool until(const std::function<bool()>& done) { return turn_until({&source, &target}, done); }
  path::LaneStats stats() { return target.endpoint->stats().lanes; }

  const TestChunk chunk{8, 20'000, 4, 77};
  LaneEnd source, target;
  LaneProxy proxy;
  const std::vector<uint8_t>* landed;
};

LaneProxy::Tamper on_run(uint64_t which, std::function<ProxyAction(ProxyFrame)> action) {
  return [=](const ProxyFrame& frame) {
    return frame.is_run && frame.run == which ? action(frame) : LaneProxy::pass(frame);
  };
}

void check_reset(Tampered& t, uint64_t landed) {
  REQUIRE(t.until([&] { return t.target.downs.size() == 1 && t.source.downs.size() == 1; }));
  CHECK(t.stats().bad_frames == 1);
  CHECK(t.stats().resets == 1);
  CHECK(t.target.landings.size() == landed);
  CHECK(t.target.downs[0].retryable);
  CHECK(t.source.downs[0].retryable);
}

}  // namespace

TEST_CASE("a bit flipped in a payload is wrong bytes of that run alone; sent again it lands") {
  Tampered t(on_run(1, [](ProxyFrame frame) {
    frame.payload[30'000] ^= 4;
    return LaneProxy::pass(frame);
  }));
  REQUIRE(t.until([&] { return t.source.acks.size() == 4; }));
  CHECK(t.source.acks[1].landing == Landing::wrong_bytes);
  for (const size_t i : {0u, 2u, 3u}) CHECK(t.source.acks[i].landing == Landing::ok);
  CHECK(*t.landed != t.chunk.bytes);
  REQUIRE(t.source.lane().announce(t.source.acks[1].run));
  REQUIRE(t.until([&] { return t.source.acks.size() == 5; }));
  CHECK(t.source.acks[4].landing == Landing::ok);
  CHECK(*t.landed == t.chunk.bytes);
  CHECK(t.stats().bad_frames == 0);
}

TEST_CASE("a bit flipped anywhere in a head resets the lane before a byte of its payload is placed") {
  // Magic, version, type, head length, sequence, payload length, ticket, epoch, chunk, stripes, checksum, a digest.
  for (const size_t at : {0u, 4u, 6u, 9u, 16u, 25u, 40u, 48u, 52u, 56u, 60u, 64u, 80u}) {
    CAPTURE(at);
    Tampered t(on_run(1, [at](ProxyFrame frame) {
      frame.head[at] ^= 1;
      return LaneProxy::pass(frame);
    }));
    check_reset(t, 1);
    CHECK(std::equal(t.landed->begin(), t.landed->begin() + 40'000, t.chunk.bytes.begin()));
    CHECK(std::all_of(t.landed->begin() + 40'000, t.landed->end(), [](uint8_t b) { return b == 0; }));
  }
}

TEST_CASE("a frame that comes twice is dropped the second time and counted") {
  Tampered t(on_run(1, [](ProxyFrame frame) {
    return ProxyAction{{LaneProxy::whole(frame), LaneProxy::whole(frame)}, false};
  }));
  REQUIRE(t.until([&] { return t.source.acks.size() == 4; }));
  CHECK(t.target.landings.size() == 4);
  CHECK(*t.landed == t.chunk.bytes);
  CHECK(t.stats().duplicates == 1);
  CHECK(t.stats().discarded_bytes == 40'000);
  CHECK(t.stats().bad_frames == 0);
}

TEST_CASE("an old frame replayed later with other bytes writes nothing") {
  std::vector<uint8_t> old;
  Tampered t([&](const ProxyFrame& frame) {
    if (frame.is_run && frame.run == 0) {
      ProxyFrame changed = frame;
      changed.payload.assign(changed.payload.size(), 0xee);
      old = LaneProxy::whole(changed);
    }
    if (!frame.is_run || frame.run != 3) return LaneProxy::pass(frame);
    return ProxyAction{{LaneProxy::whole(frame), old}, false};
  });
  REQUIRE(t.until([&] { return t.source.acks.size() == 4 && t.stats().discarded_bytes == 40'000; }));
  CHECK(*t.landed == t.chunk.bytes);
  CHECK(t.stats().duplicates == 1);
}

TEST_CASE("frames in another order, or one missing, reset the lane") {
  SUBCASE("reordered") {
    std::vector<uint8_t> held;
    Tampered t([&](const ProxyFrame& frame) {
      if (frame.is_run && frame.run == 1) {
        held = LaneProxy::whole(frame);
        return ProxyAction{};
      }
      if (frame.is_run && frame.run == 2) return ProxyAction{{LaneProxy::whole(frame), held}, false};
      return LaneProxy::pass(frame);
    });
    check_reset(t, 1);
  }
  SUBCASE("missing") {
    Tampered t(on_run(1, [](const ProxyFrame&) { return ProxyAction{}; }));
    check_reset(t, 1);
  }
}

TEST_CASE("a frame cut short and followed by others resets the lane") {
  Tampered t(on_run(1, [](ProxyFrame frame) {
    frame.payload.resize(frame.payload.size() - 1);
    return LaneProxy::pass(frame);
  }));
  REQUIRE(t.until([&] { return t.target.downs.size() == 1; }));
  CHECK(t.stats().bad_frames == 1);
  REQUIRE(t.target.landings.size() == 2);
  CHECK(t.target.landings[1].landing == Landing::wrong_bytes);
}

TEST_CASE("a connection that breaks inside a frame is never used again, and nothing of it has landed") {
  Tampered t(on_run(1, [](ProxyFrame frame) {
    frame.payload.resize(25'000);
    return ProxyAction{{LaneProxy::whole(frame)}, true};
  }));
  REQUIRE(t.until([&] { return t.target.downs.size() == 1 && t.source.downs.size() == 1; }));
  CHECK(t.target.landings.size() == 1);
  CHECK(t.stats().bad_frames == 0);
  CHECK(t.target.endpoint->find(t.target.ups[0]) == nullptr);
  // Over a new connection everything that was not acknowledged is announced again.
  t.source.dial("b", t.proxy.port());
  REQUIRE(t.until([&] { return t.source.ups.size() == 2; }));
  const auto acked = static_cast<uint32_t>(t.source.acks.size());
  for (uint32_t i = acked; i < 4; ++i) REQUIRE(t.source.lane().announce(t.chunk.run(i * 2, 2)));
  REQUIRE(t.until([&] { return t.source.acks.size() == 4; }));
  CHECK(*t.landed == t.chunk.bytes);
}

TEST_CASE("frames of one connection are worth nothing on another: each has its own secret") {
  std::vector<uint8_t> recorded;
  LaneEnd target(Tampered::options("b"));
  const TestChunk chunk(2, 5000, 2, 5);
  const std::vector<uint8_t>& landed = target.expect(chunk);
  uint32_t runs = 0;
  LaneProxy proxy(target.endpoint->port(), [&](const ProxyFrame& frame) {
    if (!frame.is_run) return LaneProxy::pass(frame);
    if (runs++ == 0) {
      recorded = LaneProxy::whole(frame);
      return ProxyAction{{}, true};
    }
    return ProxyAction{{recorded}, false};
  });
  LaneEnd source(Tampered::options("a"));
  for (size_t i = 1; i <= 2; ++i) {
    source.dial("b", proxy.port());
    REQUIRE(turn_until({&source, &target}, [&] { return source.ups.size() == i; }));
    REQUIRE(source.lane().announce(chunk.run(0, 2)));
    REQUIRE(turn_until({&source, &target}, [&] { return source.downs.size() == i; }));
  }
  REQUIRE(turn_until({&target}, [&] { return target.endpoint->stats().lanes.bad_frames == 1; }));
  CHECK(target.landings.empty());
  CHECK(landed == std::vector<uint8_t>(chunk.bytes.size(), 0));
}
