#include "support/lane_end.h"

#include <chrono>
#include <random>
#include <stdexcept>

#include "base/digest.h"

namespace baton::test {

TestChunk::TestChunk(uint32_t stripe_total, uint64_t bytes_each, uint32_t heads_, uint32_t seed)
    : heads(heads_), stripes(stripe_total), stripe_bytes(bytes_each), bytes(stripe_total * bytes_each) {
  std::mt19937 random(seed);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  for (uint8_t& b : key) b = static_cast<uint8_t>(random());
  for (uint8_t& b : ticket) b = static_cast<uint8_t>(random());
  for (uint32_t s = 0; s < stripes; ++s) {
    digests.push_back(stripe_digest(key, s / heads, s % heads, bytes.data() + s * stripe_bytes, stripe_bytes));
  }
}

path::Run TestChunk::run(uint32_t first, uint32_t count) const {
  path::Run run;
  run.ticket = ticket;
  run.epoch = 7;
  run.stripe_first = first;
  run.stripe_count = count;
  run.digests = std::span(digests).subspan(first, count);
  run.bytes = bytes.data() + first * stripe_bytes;
  run.length = count * stripe_bytes;
  return run;
}

LaneEnd::LaneEnd(path::tcp::Options options) : loop(Loop::create()) {
  std::string error;
  endpoint = path::tcp::listen(*loop, options, *this, error);
  if (!endpoint) throw std::runtime_error(error);
}

LaneEnd::~LaneEnd() = default;

std::vector<uint8_t>& LaneEnd::expect(const TestChunk& chunk) {
  Expected& expected = expected_[chunk.ticket];
  expected.chunk = &chunk;
  expected.bytes.assign(chunk.bytes.size(), 0);
  return expected.bytes;
}

uint64_t LaneEnd::dial(const std::string& node, uint16_t port, uint64_t incarnation) {
  return endpoint->dial(node, "127.0.0.1", port, incarnation);
}

path::Lane& LaneEnd::lane() {
  path::Lane* lane = ups.empty() ? nullptr : endpoint->find(ups.back());
  if (lane == nullptr) throw std::runtime_error("no lane is up");
  return *lane;
}

path::Place LaneEnd::place(uint64_t, const path::Run& run) {
  on_place(run);
  const auto it = expected_.find(run.ticket);
  path::Place place;
  if (already_there) return place;
  if (it == expected_.end()) {
    place.reason = Reason::unknown_ticket;
    return place;
  }
  const TestChunk& chunk = *it->second.chunk;
  place.bytes = it->second.bytes.data() + run.stripe_first * chunk.stripe_bytes;
  place.key = chunk.key;
  place.heads = chunk.heads;
  return place;
}

void LaneEnd::landed(uint64_t, const path::Run& run, path::Landing landing) {
  path::Run copy = run;
  copy.digests = {};
  landings.push_back({copy, landing});
}

void LaneEnd::sending(uint64_t, const path::Run&, uint64_t) { ++sent_runs; }

void LaneEnd::acknowledged(uint64_t, const path::Run& run, path::Landing landing, Reason reason) {
  acks.push_back({run, landing, reason});
}

void LaneEnd::cancelled(uint64_t, const TicketId& ticket, uint32_t epoch, Reason reason, bool quiesced) {
  cancels.push_back({ticket, epoch, reason, quiesced});
}

void LaneEnd::up(uint64_t lane, int64_t offset) {
  ups.push_back(lane);
  clock_offset = offset;
}

void LaneEnd::down(uint64_t lane, Reason reason, bool retryable) { downs.push_back({lane, reason, retryable}); }

path::tcp::Options lane_options(const std::string& node, uint64_t incarnation) {
  path::tcp::Options options;
  options.node = node;
  options.incarnation = incarnation;
  options.connect_ms = 20'000;  // tests of time-outs set their own
  options.silence_ms = 20'000;
  return options;
}

bool turn_until(std::vector<LaneEnd*> ends, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    for (LaneEnd* end : ends) end->turn(ends.size() == 1 ? 10 : 1);
  }
  return true;
}

}  // namespace baton::test
