#pragma once
// A node for tests: a folder on tmpfs, a bus, and what it said so far. One prompt's chunks and bytes are made from a seed,
// so that either end of a test, in whatever process, knows every byte.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bus/bus.h"

namespace baton::test {

class BusFolder {  // removed with all it holds, unless it is somebody else's
 public:
  BusFolder();
  explicit BusFolder(std::string existing) : path_(std::move(existing)), own_(false) {}
  ~BusFolder();
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  bool own_ = true;
};

BusOptions bus_options(const BusFolder&, const std::string& node, uint64_t arena_bytes = 32 << 20);

class BusNode {
 public:
  explicit BusNode(const BusOptions&);
  ~BusNode();

  // Waits for it, draining as the bus wakes us. False: not within half a minute.
  bool wait(const std::function<bool()>&);
  // The newest of the ticket with this role, or one of state none.
  TicketView view(const TicketId&);
  bool wait_state(const TicketId&, TicketState);
  Granted granted(const TicketId&);  // waits for the answer; reason malformed when none comes
  // No pin, no live ticket, nothing quiescing; the arena's sums agree.
  bool at_baseline();

  std::unique_ptr<Bus> bus;
  std::vector<AttachmentEvent> attachments;
  std::vector<Arena::Event> chunks;

 private:
  void drain();

  const BusOptions options_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool news_ = false;
  std::vector<TicketView> views_;
  std::vector<Granted> granted_;
};

struct Prompt {
  // tail_tokens 0: the last is whole. ticket_seed 0: a ticket of its own.
  Prompt(uint32_t seed, uint32_t chunk_count, uint32_t tail_tokens = 0, uint32_t ticket_seed = 0);
  OpenTicket open(const std::string& engine, const std::string& source_node, const std::string& source_engine) const;
  ExpectTicket expect(const std::string& engine, const Granted&, const std::string& target_node, uint16_t port) const;
  std::vector<uint8_t> keys() const;
  uint32_t tokens() const;

  TicketId ticket{};
  std::vector<Chunk> chunks;
};

inline constexpr Geometry kTestGeometry{4, 2, 2, {128, 128, 0, 0}, 64};  // a chunk: 128 KiB
Namespace test_namespace();
// The bytes of one plane of one token; what an engine "computes".
uint8_t kv_byte(const Key&, uint32_t layer, uint32_t head, uint32_t plane, uint32_t token, uint32_t at);
TicketId ticket_id(uint32_t seed);

}  // namespace baton::test
