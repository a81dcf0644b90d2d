#pragma once
// One end of a lane for tests: a loop, an endpoint, and a sink that records what it is told and keeps what lands.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "path/tcp/endpoint.h"

namespace baton::test {

struct Landed { path::Run run; path::Landing landing; };
struct Acked { path::Run run; path::Landing landing; Reason reason; };
struct Cancelled { TicketId ticket; uint32_t epoch; Reason reason; bool quiesced; };
struct Down { uint64_t lane; Reason reason; bool retryable; };

// A chunk of `stripes` stripes with random bytes and right digests.
struct TestChunk {
  TestChunk(uint32_t stripes, uint64_t stripe_bytes, uint32_t heads, uint32_t seed);
  path::Run run(uint32_t first, uint32_t count) const;

  TicketId ticket{};
  Key key{};
  uint32_t heads, stripes;
  uint64_t stripe_bytes;
  std::vector<uint8_t> bytes;
  std::vector<Digest> digests;
};

class LaneEnd final : public path::Sink {
 public:
  explicit LaneEnd(path::tcp::Options);
  ~LaneEnd() override;

  // Memory for what lands of this chunk; without it runs are refused as unknown.
  std::vector<uint8_t>& expect(const TestChunk&);
  uint64_t dial(const std::string& node, uint16_t port, uint64_t incarnation = 0);
  void turn(int timeout_ms = 0) { loop->run_once(timeout_ms); }
  path::Lane& lane();  // the one that came up last

  path::Place place(uint64_t lane, const path::Run&) override;
  void landed(uint64_t lane, const path::Run&, path::Landing) override;
  void sending(uint64_t lane, const path::Run&, uint64_t now_ns) override;
  void acknowledged(uint64_t lane, const path::Run&, path::Landing, Reason) override;
  void cancelled(uint64_t lane, const TicketId&, uint32_t epoch, Reason, bool quiesced) override;
  void writable(uint64_t) override { ++writables; }
  void up(uint64_t lane, int64_t clock_offset_ns) override;
  void down(uint64_t lane, Reason, bool retryable) override;

  std::unique_ptr<Loop> loop;
  std::unique_ptr<path::Endpoint> endpoint;
  std::function<void(const path::Run&)> on_place = [](const path::Run&) {};
  std::vector<Landed> landings;
  std::vector<Acked> acks;
  std::vector<Cancelled> cancels;
  std::vector<uint64_t> ups;
  std::vector<Down> downs;
  int64_t clock_offset = 0;
  uint64_t sent_runs = 0, writables = 0;
  bool already_there = false;  // place() says so

 private:
  struct Expected { TestChunk const* chunk; std::vector<uint8_t> bytes; };
  std::map<TicketId, Expected> expected_;
};

path::tcp::Options lane_options(const std::string& node, uint64_t incarnation = 1);

// Turns both loops until `done`; false when it did not come to pass in half a minute.
bool turn_until(std::vector<LaneEnd*> ends, const std::function<bool()>& done);

}  // namespace baton::test
