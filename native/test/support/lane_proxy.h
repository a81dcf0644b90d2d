#pragma once
// A proxy between two lane ends that can do to the dialler's frames what a bad network or an attacker could. It knows
// where frames begin and end; it has no key.
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace baton::test {

struct ProxyFrame {
  bool is_run = false;
  uint64_t run = 0;               // counts runs over all connections, from 0
  std::vector<uint8_t> head, payload;
};

// What to send in place of one frame, in order; `last`: close after it.
struct ProxyAction {
  std::vector<std::vector<uint8_t>> send;
  bool last = false;
};

class LaneProxy {
 public:
  using Tamper = std::function<ProxyAction(const ProxyFrame&)>;
  LaneProxy(uint16_t target_port, Tamper);
  ~LaneProxy();
  uint16_t port() const { return port_; }
  uint64_t connections() const { return connections_.load(); }

  static std::vector<uint8_t> whole(const ProxyFrame&);
  static ProxyAction pass(const ProxyFrame& frame) { return {{whole(frame)}, false}; }

 private:
  void serve();
  void forward(int from, int to);

  const uint16_t target_port_;
  const Tamper tamper_;
  int listener_;
  uint16_t port_ = 0;
  std::atomic<uint64_t> connections_{0};
  uint64_t runs_ = 0;
  std::mutex mutex_;              // guards open_, closing_
  std::vector<int> open_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace baton::test
