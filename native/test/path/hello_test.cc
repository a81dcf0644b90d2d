#include "path/tcp/hello.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "support/lane_end.h"

using namespace baton;
using namespace baton::test;
namespace tcp = baton::path::tcp;

namespace {

tcp::Bytes key(uint8_t value) { return tcp::Bytes(32, value); }

tcp::Options keyed(const char* node, std::vector<tcp::Bytes> keys, uint64_t incarnation = 1) {
  tcp::Options options = lane_options(node, incarnation);
  options.keys = std::move(keys);
  return options;
}

struct Outcome {
  bool up;
  Reason reason = Reason::none;
  bool retryable = false;
  uint64_t refused_by_dialler = 0, refused_by_listener = 0;
};

Outcome dial(const tcp::Options& from, const tcp::Options& to, const std::string& name, uint64_t incarnation = 0) {
  LaneEnd dialler(from), listener(to);
  dialler.dial(name, listener.endpoint->port(), incarnation);
  const auto refused = [&] { return dialler.endpoint->stats().hello_refused; };
  REQUIRE(turn_until({&dialler, &listener}, [&] {
    return (!dialler.ups.empty() && !listener.ups.empty()) || !dialler.downs.empty();
  }));
  Outcome out{!dialler.ups.empty(), Reason::none, false, refused(), listener.endpoint->stats().hello_refused};
  if (!dialler.downs.empty()) {
    out.reason = dialler.downs[0].reason;
    out.retryable = dialler.downs[0].retryable;
  }
  return out;
}

// A peer that goes through the hello by hand, proving with whatever key it has.
class RawDialler {
 public:
  explicit RawDialler(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ~RawDialler() { close(fd_); }
  void send(const tcp::Bytes& bytes) { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // What came, without waiting.
  tcp::Bytes received() {
    uint8_t bytes[4096];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) in_.insert(in_.end(), bytes, bytes + n);
    ended_ = ended_ || n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    return in_;
  }
  bool ended() {
    received();
    return ended_;
  }

 private:
  int fd_;
  bool ended_ = false;
  tcp::Bytes in_;
};

}  // namespace

TEST_CASE("two nodes with the same cluster key, or with none on loopback, get a lane") {
  CHECK(dial(keyed("a", {key(1)}), keyed("b", {key(1)}), "b").up);
  CHECK(dial(lane_options("a"), lane_options("b"), "b").up);
}

TEST_CASE("while keys are being changed, each end accepts the other's first or second key") {
  CHECK(dial(keyed("a", {key(1), key(2)}), keyed("b", {key(2), key(1)}), "b").up);
  CHECK(dial(keyed("a", {key(1)}), keyed("b", {key(1), key(2)}), "b").up);
  CHECK(dial(keyed("a", {key(2), key(1)}), keyed("b", {key(1), key(2)}), "b").up);
}

TEST_CASE("the dialler refuses a listener with another key, with no key, or that wants one it has not") {
  for (const auto& [mine, theirs] : std::vector<std::pair<std::vector<tcp::Bytes>, std::vector<tcp::Bytes>>>{
           {{key(1)}, {key(2)}}, {{key(1)}, {}}, {{}, {key(1)}}}) {
    const Outcome out = dial(keyed("a", mine), keyed("b", theirs), "b");
    CHECK_FALSE(out.up);
    CHECK(out.reason == Reason::lane_refused);
    CHECK_FALSE(out.retryable);
    CHECK(out.refused_by_dialler == 1);
  }
}

TEST_CASE("the listener refuses a dialler who proves another key, and no frame is taken from it") {
  LaneEnd listener(keyed("b", {key(1)}));
  RawDialler dialler(listener.endpoint->port());
  const tcp::Bytes hello = encode(tcp::Hello{"a", "b", 1, 0, {}});
  dialler.send(hello);
  const size_t challenge_bytes = encode(tcp::Challenge{"b", 1, {}, true, {}}).size();
  REQUIRE(turn_until({&listener}, [&] { return dialler.received().size() == challenge_bytes; }));
  const tcp::Bytes challenge = dialler.received();
  CHECK(tcp::decode_challenge(challenge)->keyed);
  // It could check who it talks to; it does not care.
  dialler.send(encode(tcp::Proof{tcp::dialler_mac(key(2), hello, challenge)}));
  REQUIRE(turn_until({&listener}, [&] { return dialler.ended(); }));
  const tcp::Bytes all = dialler.received();
  const auto verdict = tcp::decode_verdict(std::span(all).subspan(challenge_bytes));
  REQUIRE(verdict);
  CHECK(verdict->refusal == tcp::Refusal::wrong_key);
  CHECK(listener.endpoint->stats().hello_refused == 1);
  CHECK(listener.ups.empty());
  CHECK(listener.downs.empty());
}

TEST_CASE("a proof cannot be replayed: it is bound to both nonces") {
  const tcp::Hello hello{"a", "b", 1, 0, {}};
  tcp::Challenge challenge{"b", 1, {}, true, {}};
  const Mac mac = tcp::dialler_mac(key(1), encode(hello), encode(challenge));
  challenge.nonce[5] = 1;
  CHECK_FALSE(mac == tcp::dialler_mac(key(1), encode(hello), encode(challenge)));
  tcp::Hello other = hello;
  other.nonce[0] = 1;
  challenge.nonce[5] = 0;
  CHECK_FALSE(mac == tcp::dialler_mac(key(1), encode(other), encode(challenge)));
  CHECK_FALSE(mac == tcp::listener_mac(key(1), encode(hello), encode(challenge)));
}

TEST_CASE("a proof is bound to both names and both incarnations") {
  const tcp::Hello hello{"a", "b", 1, 2, {}};
  const tcp::Challenge challenge{"b", 2, {}, true, {}};
  const Mac mac = tcp::dialler_mac(key(1), encode(hello), encode(challenge));
  for (const tcp::Hello& other : {tcp::Hello{"x", "b", 1, 2, {}}, tcp::Hello{"a", "x", 1, 2, {}},
                                  tcp::Hello{"a", "b", 9, 2, {}}, tcp::Hello{"a", "b", 1, 9, {}}}) {
    CHECK_FALSE(mac == tcp::dialler_mac(key(1), encode(other), encode(challenge)));
  }
  CHECK_FALSE(mac == tcp::dialler_mac(key(1), encode(hello), encode(tcp::Challenge{"b", 9, {}, true, {}})));
}

TEST_CASE("a node that is not the one wanted refuses, and is counted") {
  const Outcome out = dial(keyed("a", {key(1)}), keyed("b", {key(1)}), "c");
  CHECK_FALSE(out.up);
  CHECK(out.reason == Reason::lane_refused);
  CHECK(out.refused_by_listener == 1);
  CHECK(out.refused_by_dialler == 1);
}

TEST_CASE("an incarnation that is no more is refused, the present one is not") {
  const Outcome stale = dial(keyed("a", {key(1)}), keyed("b", {key(1)}, 8), "b", 7);
  CHECK_FALSE(stale.up);
  CHECK(stale.reason == Reason::lane_refused);
  CHECK(stale.refused_by_listener == 1);
  CHECK(dial(keyed("a", {key(1)}), keyed("b", {key(1)}, 8), "b", 8).up);
}

TEST_CASE("both ends learn the other's incarnation") {
  LaneEnd a(lane_options("a", 5)), b(lane_options("b", 6));
  a.dial("b", b.endpoint->port());
  REQUIRE(turn_until({&a, &b}, [&] { return a.ups.size() == 1 && b.ups.size() == 1; }));
  CHECK(a.endpoint->peer_incarnation(a.ups[0]) == 6);
  CHECK(b.endpoint->peer_incarnation(b.ups[0]) == 5);
}

TEST_CASE("without a key only loopback is listened on and dialled") {
  std::string error;
  const auto loop = Loop::create();
  LaneEnd sink(lane_options("x"));
  tcp::Options open = lane_options("a");
  open.host = "0.0.0.0";
  CHECK(tcp::listen(*loop, open, sink, error) == nullptr);
  CHECK(error.find("cluster key") != std::string::npos);
  open.keys = {key(1)};
  CHECK(tcp::listen(*loop, open, sink, error) != nullptr);
  sink.endpoint->dial("b", "192.0.2.1", 9, 0);
  REQUIRE(turn_until({&sink}, [&] { return sink.downs.size() == 1; }));
  CHECK(sink.downs[0].reason == Reason::lane_lost);
}

TEST_CASE("a peer that never finishes its hello is dropped after the connect bound") {
  tcp::Options options = lane_options("b");
  options.connect_ms = 50;
  LaneEnd listener(options);
  RawDialler silent(listener.endpoint->port());
  REQUIRE(turn_until({&listener}, [&] { return silent.ended(); }));
  CHECK(listener.downs.empty());
}

TEST_CASE("garbage instead of a hello ends the connection") {
  LaneEnd listener(lane_options("b"));
  for (const tcp::Bytes& bytes : {tcp::Bytes(64, 0xff), tcp::Bytes{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1'}}) {
    RawDialler peer(listener.endpoint->port());
    peer.send(bytes);
    REQUIRE(turn_until({&listener}, [&] { return peer.ended(); }));
  }
  CHECK(listener.ups.empty());
}

TEST_CASE("a node that nobody listens for is a lost lane, for another try") {
  LaneEnd a(lane_options("a"));
  uint16_t port;
  {
    LaneEnd b(lane_options("b"));
    port = b.endpoint->port();
  }
  a.dial("b", port);
  REQUIRE(turn_until({&a}, [&] { return a.downs.size() == 1; }));
  CHECK(a.downs[0].reason == Reason::lane_lost);
  CHECK(a.downs[0].retryable);
}

TEST_CASE("strangers that hold connections open do not keep a node out for ever") {
  tcp::Options options = lane_options("b");
  options.connect_ms = 300;
  LaneEnd a(lane_options("a")), b(options);
  std::vector<std::unique_ptr<RawDialler>> strangers;
  for (uint32_t i = 0; i < limits::kLaneHellosMax + 8; ++i) {
    strangers.push_back(std::make_unique<RawDialler>(b.endpoint->port()));
  }
  REQUIRE(turn_until({&a, &b}, [&] { return strangers.front()->ended(); }));
  a.dial("b", b.endpoint->port());
  CHECK(turn_until({&a, &b}, [&] { return a.ups.size() == 1 && b.ups.size() == 1; }));
}
