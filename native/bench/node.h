#pragma once
// One end of the lane bench: a service (bus) and an engine (its pages and a client of the C ABI) in one process, which the
// bench pins to one core.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "control.h"

namespace baton::bench {

using Options = std::map<std::string, std::string>;

inline Options options_of(int argc, char** argv) {
  Options all;
  for (int i = 1; i + 1 < argc; i += 2) all[argv[i] + 2] = argv[i + 1];
  return all;
}

// An 8B Llama's layer in bf16: 8 KV heads of 128, K and V; a chunk of 256 tokens has 1 MiB a layer, which is one run.
inline Geometry geometry_of(uint32_t layers) { return {layers, 8, 2, {256, 256}, 256}; }

inline uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

inline uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

template <class Bytes>
Bytes bytes_of(uint64_t seed) {
  Bytes bytes;
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = mix(seed * 8 + i / 8);
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

// An engine's pages, laid out [layer][plane][page][head][token][128 × bf16] (vLLM's HND): what is contiguous is one head's
// tokens of one page, page_tokens × 256 B: 4 KiB for pages of 16 tokens, 16 KiB for pages of 64.
class Pool {
 public:
  Pool(const Geometry& geometry, uint32_t page_tokens, uint64_t bytes) : geometry_(geometry), page_tokens_(page_tokens) {
    page_bytes_ = uint64_t{geometry.heads} * page_tokens * geometry.plane_bytes[0];
    pages_ = static_cast<uint32_t>(bytes / geometry.layers / geometry.planes / page_bytes_);
    bytes_ = pages_ * page_bytes_ * geometry.planes * geometry.layers;
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) die("no memory for the pages");
    memory_ = static_cast<uint8_t*>(memory);
  }
  ~Pool() { munmap(memory_, bytes_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  void fill() {
    auto* words = reinterpret_cast<uint64_t*>(memory_);
    for (uint64_t i = 0; i < bytes_ / 8; ++i) words[i] = mix(i);
  }
  baton_layer_layout layout(uint32_t layer) const {
    baton_layer_layout l{};
    l.struct_size = sizeof l;
    l.page_tokens = page_tokens_;
    for (uint32_t p = 0; p < geometry_.planes; ++p) {
      const auto token = static_cast<int64_t>(geometry_.plane_bytes[p]);
      l.plane[p] = {memory_ + (uint64_t{layer} * geometry_.planes + p) * pages_ * page_bytes_,
                    static_cast<int64_t>(page_bytes_), token * page_tokens_, token, 2, 2, geometry_.plane_bytes[p] / 2};
    }
    return l;
  }
  uint32_t page_tokens() const { return page_tokens_; }
  uint64_t bytes() const { return bytes_; }
  // Distinct random pages for one chunk; both ends know what `seed` gives.
  std::vector<uint32_t> random_pages(uint64_t seed) const {
    std::vector<uint32_t> chosen;
    while (chosen.size() * page_tokens_ < geometry_.chunk_tokens) {
      const auto page = static_cast<uint32_t>((seed = mix(seed)) % pages_);
      if (std::find(chosen.begin(), chosen.end(), page) == chosen.end()) chosen.push_back(page);
    }
    return chosen;
  }

 private:
  Geometry geometry_;
  uint32_t page_tokens_, pages_;
  uint64_t page_bytes_, bytes_;
  uint8_t* memory_;
};

struct Node {
  explicit Node(const std::string& name_, Options& o)
      : name(name_), layers(static_cast<uint32_t>(std::stoul(o["layers"]))), geometry(geometry_of(layers)),
        by_pages(o["mode"] == "pages"), pool(geometry, static_cast<uint32_t>(std::stoul(o["page-tokens"])), 256u << 20) {
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    BusOptions options;
    options.node = name;
    options.arena.path = o["folder"] + "/" + name + ".arena";
    const uint64_t slot = geometry.payload_bytes(geometry.chunk_tokens) + (64u << 10);
    options.arena.bytes = std::stoul(o["slots"]) * slot;
    options.arena.slots_max = 1024;
    options.socket_path = o["folder"] + "/" + name + ".sock";
    options.cluster_keys = {std::vector<uint8_t>(32, 7)};
    std::string error;
    bus = Bus::start(options, [this] { eventfd_write(event, 1); }, error);
    if (!bus) die(error);
    baton_attach_options attach{};
    attach.struct_size = sizeof attach;
    attach.abi = BATON_ABI_VERSION;
    attach.socket_path = options.socket_path.c_str();
    attach.engine_name = name.c_str();
    std::memcpy(attach.namespace_digest, ns.data(), ns.size());
    attach.geometry = {geometry.layers, geometry.heads, geometry.planes, {256, 256}, geometry.chunk_tokens};
    char text[512];
    if (baton_attach(&attach, &client, text, sizeof text) != BATON_OK) die(text);
  }
  ~Node() {
    baton_detach(client);
    if (bus) bus->stop();
  }
  // Waits for the bus, the other end or (source) a command.
  void wait(std::vector<pollfd>& fds) {
    fds[0] = {event, POLLIN, 0};
    if (poll(fds.data(), fds.size(), -1) < 0) die("poll");
    if (fds[0].revents != 0) {
      eventfd_t n;
      eventfd_read(event, &n);
    }
  }
  uint64_t chunk_bytes() const { return geometry.payload_bytes(geometry.chunk_tokens); }

  std::string name;
  uint32_t layers;
  Geometry geometry;
  bool by_pages;
  Pool pool;
  Namespace ns = bytes_of<Namespace>(1);
  int event = -1;
  std::unique_ptr<Bus> bus;
  baton_client* client = nullptr;
  uint64_t copying_ns = 0;  // inside baton_gather or baton_scatter, of this thread's CPU
};

}  // namespace baton::bench
