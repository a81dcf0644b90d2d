#include "support/bus_node.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <stdexcept>

namespace baton::test {

BusFolder::BusFolder() {
  const bool tmpfs = access("/dev/shm", W_OK) == 0;
  std::string name = tmpfs ? "/dev/shm/baton-test-XXXXXX" : "/tmp/baton-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

BusFolder::~BusFolder() {
  if (!own_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

BusOptions bus_options(const BusFolder& folder, const std::string& node, uint64_t arena_bytes) {
  BusOptions options;
  options.node = node;
  options.arena.path = folder.file(node + ".arena");
  options.arena.bytes = arena_bytes;
  options.arena.slots_max = 1024;
  options.socket_path = folder.file(node + ".sock");
  options.lane_silence_ms = 20'000;  // tests of silence set their own
  options.lane_connect_ms = 20'000;
  return options;
}

BusNode::BusNode(const BusOptions& options) : options_(options) {
  std::string error;
  bus = Bus::start(options, [this] {
    const std::lock_guard lock(mutex_);
    news_ = true;
    woken_.notify_all();
  }, error);
  if (!bus) throw std::runtime_error(error);
}

BusNode::~BusNode() { bus.reset(); }

void BusNode::drain() {
  Drained drained = bus->drain();
  for (TicketView& view : drained.tickets) {
    std::erase_if(views_, [&](const TicketView& v) { return v.ticket == view.ticket; });
    views_.push_back(std::move(view));
  }
  for (Granted& g : drained.granted) granted_.push_back(std::move(g));
  attachments.insert(attachments.end(), drained.attachments.begin(), drained.attachments.end());
  chunks.insert(chunks.end(), drained.chunks.begin(), drained.chunks.end());
}

bool BusNode::wait(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    drain();
    if (done()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::unique_lock lock(mutex_);
    // Counters change without a wake-up, so the condition is looked at now and then too.
    woken_.wait_for(lock, std::chrono::milliseconds(20), [&] { return news_; });
    news_ = false;
  }
}

TicketView BusNode::view(const TicketId& id) {
  const auto it = std::find_if(views_.begin(), views_.end(), [&](const TicketView& v) { return v.ticket == id; });
  return it == views_.end() ? TicketView{} : *it;
}

bool BusNode::wait_state(const TicketId& id, TicketState state) {
  return wait([&] { return view(id).state == state; });
}

Granted BusNode::granted(const TicketId& id) {
  const auto find = [&] {
    return std::find_if(granted_.rbegin(), granted_.rend(), [&](const Granted& g) { return g.ticket == id; });
  };
  if (wait([&] { return find() != granted_.rend(); })) return *find();
  Granted none;
  none.reason = Reason::malformed;
  return none;
}

bool BusNode::at_baseline() {
  return wait([&] {
    const BusCounters c = bus->counters();
    return c.tickets_live == 0 && c.arena.pins == 0 && c.arena.quiescing == 0 &&
           c.arena.bytes_used == c.arena.bytes_sealed && bus->list_tickets().empty();
  });
}

namespace {

template <class Bytes>
Bytes random_bytes(std::mt19937& random) {
  Bytes bytes;
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  return bytes;
}

}  // namespace

TicketId ticket_id(uint32_t seed) {
  std::mt19937 random(seed ^ 0x5eed);
  return random_bytes<TicketId>(random);
}

// Prompts of one seed are prefixes of each other; every prompt is a new ticket.
Prompt::Prompt(uint32_t seed, uint32_t chunk_count, uint32_t tail_tokens, uint32_t ticket_seed) {
  static uint32_t tickets = 0;
  ticket = ticket_id(ticket_seed != 0 ? ticket_seed : static_cast<uint32_t>(getpid()) * 1000 + ++tickets);
  std::mt19937 random(seed);
  for (uint32_t i = 0; i < chunk_count; ++i) {
    const bool tail = i + 1 == chunk_count && tail_tokens != 0;
    Chunk chunk{random_bytes<Key>(random), tail ? tail_tokens : kTestGeometry.chunk_tokens};
    if (tail) chunk.key[31] ^= static_cast<uint8_t>(tail_tokens);  // another chunk than the whole one
    chunks.push_back(chunk);
  }
}

OpenTicket Prompt::open(const std::string& engine, const std::string& source_node,
                        const std::string& source_engine) const {
  return {ticket, engine, test_namespace(), chunks, source_node, source_engine, 60'000};
}

ExpectTicket Prompt::expect(const std::string& engine, const Granted& granted, const std::string& target_node,
                            uint16_t port) const {
  return {ticket, engine, test_namespace(), chunks, granted.need, granted.epoch, target_node, "127.0.0.1", port, 60'000};
}

std::vector<uint8_t> Prompt::keys() const {
  std::vector<uint8_t> out;
  for (const Chunk& c : chunks) out.insert(out.end(), c.key.begin(), c.key.end());
  return out;
}

uint32_t Prompt::tokens() const {
  uint32_t sum = 0;
  for (const Chunk& c : chunks) sum += c.tokens;
  return sum;
}

Namespace test_namespace() {
  Namespace ns;
  ns.fill(0x4e);
  return ns;
}

uint8_t kv_byte(const Key& key, uint32_t layer, uint32_t head, uint32_t plane, uint32_t token, uint32_t at) {
  const uint32_t place = (((layer * 31 + head) * 7 + plane) * 1009 + token) * 131 + at;
  return static_cast<uint8_t>(key[place % 32] + (place * 2654435761u >> 24));
}

}  // namespace baton::test
