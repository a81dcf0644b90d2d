#include "support/lane_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "path/tcp/frame.h"
#include "path/tcp/hello.h"

namespace baton::test {
namespace {

namespace tcp = path::tcp;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool read_all(int fd, uint8_t* to, size_t size) {
  while (size > 0) {
    const ssize_t n = recv(fd, to, size, 0);
    if (n <= 0) return false;
    to += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

bool write_all(int fd, const std::vector<uint8_t>& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += static_cast<size_t>(n);
  }
  return true;
}

bool read_more(int fd, std::vector<uint8_t>& bytes, size_t size) {
  const size_t had = bytes.size();
  bytes.resize(size);
  return read_all(fd, bytes.data() + had, size - had);
}

}  // namespace

LaneProxy::LaneProxy(uint16_t target_port, Tamper tamper)
    : target_port_(target_port), tamper_(std::move(tamper)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 8);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

LaneProxy::~LaneProxy() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void LaneProxy::serve() {
  for (;;) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(target_port_);
    bool go = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    {
      const std::lock_guard lock(mutex_);
      go = go && !closing_;
      open_ = {client, server};
    }
    if (go) {
      ++connections_;
      std::thread back([&] {
        uint8_t bytes[4096];
        for (;;) {
          const ssize_t n = recv(server, bytes, sizeof bytes, 0);
          if (n <= 0 || !write_all(client, {bytes, bytes + n})) break;
        }
        shutdown(client, SHUT_RDWR);
        shutdown(server, SHUT_RDWR);
      });
      forward(client, server);
      shutdown(client, SHUT_RDWR);
      shutdown(server, SHUT_RDWR);
      back.join();
    }
    {
      const std::lock_guard lock(mutex_);
      open_.clear();
    }
    close(client);
    close(server);
  }
}

// The dialler's two messages of the hello, then frames.
void LaneProxy::forward(int from, int to) {
  for (int message = 0; message < 2; ++message) {
    std::vector<uint8_t> bytes;
    if (!read_more(from, bytes, tcp::kHelloHeaderBytes)) return;
    if (!read_more(from, bytes, tcp::hello_bytes(bytes.data())) || !write_all(to, bytes)) return;
  }
  for (;;) {
    ProxyFrame frame;
    if (!read_more(from, frame.head, tcp::kHeaderBytes)) return;
    if (!read_more(from, frame.head, tcp::head_bytes(frame.head.data()))) return;
    frame.is_run = frame.head[6] == static_cast<uint8_t>(tcp::FrameType::run);
    if (!read_more(from, frame.payload, tcp::get<uint64_t>(frame.head.data() + 24))) return;
    frame.run = frame.is_run ? runs_++ : 0;
    const ProxyAction action = tamper_(frame);
    for (const auto& bytes : action.send) {
      if (!write_all(to, bytes)) return;
    }
    if (action.last) return;
  }
}

std::vector<uint8_t> LaneProxy::whole(const ProxyFrame& frame) {
  std::vector<uint8_t> bytes = frame.head;
  bytes.insert(bytes.end(), frame.payload.begin(), frame.payload.end());
  return bytes;
}

}  // namespace baton::test
