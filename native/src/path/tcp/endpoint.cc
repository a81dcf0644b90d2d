#include "path/tcp/endpoint.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include "path/tcp/connection.h"
#include "path/tcp/socket.h"

namespace baton::path::tcp {
namespace {

constexpr uint64_t kAcceptPauseNs = 100'000'000;

void add(LaneStats& sum, const LaneStats& one) {
  sum.bytes_out += one.bytes_out;
  sum.bytes_in += one.bytes_in;
  sum.frames_out += one.frames_out;
  sum.frames_in += one.frames_in;
  sum.resets += one.resets;
  sum.bad_frames += one.bad_frames;
  sum.duplicates += one.duplicates;
  sum.discarded_bytes += one.discarded_bytes;
}

class TcpEndpoint final : public Endpoint, private ConnectionOwner {
 public:
  TcpEndpoint(Loop& loop, const Options& options, Sink& sink, int listener, uint16_t port)
      : loop_(loop), options_(options), sink_(sink), listener_(listener), port_(port) {
    loop_.watch(listener_, EPOLLIN, [this](uint32_t) { accept(); });
  }

  ~TcpEndpoint() override {
    loop_.cancel(accept_timer_);
    loop_.unwatch(listener_);
    ::close(listener_);
    while (!live_.empty()) live_.begin()->second->close();
    loop_.cancel(bury_timer_);
  }

  uint16_t port() const override { return port_; }

  uint64_t dial(const std::string& node, const std::string& host, uint16_t port, uint64_t incarnation) override {
    const bool allowed = live_.size() < limits::kLanesMax && (!options_.keys.empty() || is_loopback(host));
    const int fd = allowed ? dial_tcp(host, port, options_.send_buffer_bytes) : -1;
    return start(fd, true, Handshake::dialler(options_, node, incarnation));
  }

  Lane* find(uint64_t id) override {
    const auto it = live_.find(id);
    return it != live_.end() && it->second->up() ? it->second.get() : nullptr;
  }

  uint64_t peer_incarnation(uint64_t id) const override {
    const auto it = live_.find(id);
    return it == live_.end() ? 0 : it->second->peer_incarnation();
  }

  void need(uint64_t id, bool needed) override {
    const auto it = live_.find(id);
    if (it != live_.end()) it->second->need(needed);
  }

  void close(uint64_t id) override {
    const auto it = live_.find(id);
    if (it != live_.end()) it->second->close();
  }

  EndpointStats stats() const override {
    EndpointStats out;
    out.lanes = retired_;
    out.hello_refused = hello_refused_;
    for (const auto& [id, lane] : live_) {
      add(out.lanes, lane->stats());
      if (lane->up()) ++out.lanes_up;
    }
    return out;
  }

 private:
  uint64_t start(int fd, bool dialled, Handshake handshake) {
    const uint64_t id = ++ids_;
    ConnectionOwner& owner = *this;
    auto lane = std::make_unique<Connection>(id, fd, dialled, std::move(handshake), loop_, options_, sink_, owner);
    Connection& started = *lane;
    live_.emplace(id, std::move(lane));
    if (!dialled) ++hellos_;
    started.start();
    return id;
  }

  void accept() {
    for (;;) {
      const int fd = accept_tcp(listener_, options_.send_buffer_bytes);
      if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting();
        return;
      }
      // A stranger costs one descriptor for at most connect_ms, and strangers are few at a time.
      if (hellos_ >= limits::kLaneHellosMax) {
        ::close(fd);
        continue;
      }
      Handshake handshake = Handshake::listener(options_);
      if (live_.size() >= limits::kLanesMax) handshake.refuse_busy();
      start(fd, false, std::move(handshake));
    }
  }

  // Out of descriptors: the listener would be readable for ever and spin.
  void pause_accepting() {
    loop_.rewatch(listener_, 0);
    accept_timer_ = loop_.after(kAcceptPauseNs, [this] {
      accept_timer_ = 0;
      loop_.rewatch(listener_, EPOLLIN);
    });
  }

  void authenticated(Connection& lane) override {
    if (!lane.dialled()) --hellos_;
  }

  // One lane per direction and pair: what an earlier one may still deliver must not be mixed with this one's.
  void coming_up(Connection& lane) override {
    if (lane.dialled()) return;
    std::vector<Connection*> earlier;
    for (const auto& [id, other] : live_) {
      if (id != lane.id() && !other->dialled() && other->up() && other->peer() == lane.peer()) {
        earlier.push_back(other.get());
      }
    }
    for (Connection* other : earlier) other->end(Reason::lane_lost, true);
  }

  void refused(Connection&) override { ++hello_refused_; }

  void ended(Connection& lane) override {
    if (!lane.dialled() && !lane.authenticated()) --hellos_;
    add(retired_, lane.stats());
    const auto it = live_.find(lane.id());
    dead_.push_back(std::move(it->second));
    live_.erase(it);
    // It may be on the stack: it is freed from the loop.
    if (bury_timer_ == 0) {
      bury_timer_ = loop_.after(0, [this] {
        bury_timer_ = 0;
        dead_.clear();
      });
    }
  }

  Loop& loop_;
  const Options options_;
  Sink& sink_;
  const int listener_;
  const uint16_t port_;
  uint64_t ids_ = 0, hello_refused_ = 0, bury_timer_ = 0, accept_timer_ = 0;
  uint32_t hellos_ = 0;                       // accepted connections whose hello is not finished
  LaneStats retired_{};
  std::vector<std::unique_ptr<Connection>> dead_;
  std::map<uint64_t, std::unique_ptr<Connection>> live_;
};

}  // namespace

std::unique_ptr<Endpoint> listen(Loop& loop, const Options& options, Sink& sink, std::string& error) {
  if (options.node.empty() || options.node.size() > limits::kNodeNameMax) {
    error = "the node's name must have 1 to 253 bytes";
    return nullptr;
  }
  if (options.keys.empty() && !is_loopback(options.host)) {
    error = "lane host " + options.host + " is not loopback and there is no cluster key: set one, or bind 127.0.0.1";
    return nullptr;
  }
  uint16_t port = 0;
  const int listener = listen_tcp(options.host, options.port, port, error);
  if (listener < 0) return nullptr;
  return std::make_unique<TcpEndpoint>(loop, options, sink, listener, port);
}

}  // namespace baton::path::tcp
