#include "path/tcp/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace baton::path::tcp {
namespace {

constexpr int kBacklog = 128;

struct FreeAddress {
  void operator()(addrinfo* a) const { freeaddrinfo(a); }
};
using Address = std::unique_ptr<addrinfo, FreeAddress>;

Address resolve(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* out = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &out) != 0) return nullptr;
  return Address(out);
}

void set(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

// Buffers are left to the kernel, which grows them to tcp_wmem and tcp_rmem; a size set here would be capped lower.
void tune(int fd, int send_buffer_bytes) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (send_buffer_bytes == 0) return;
  set(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_bytes);
}

uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

bool is_loopback(const std::string& host) {
  const Address address = resolve(host, 0);
  if (address == nullptr) return false;
  if (address->ai_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<sockaddr_in6*>(address->ai_addr)->sin6_addr);
  }
  return ntohl(reinterpret_cast<sockaddr_in*>(address->ai_addr)->sin_addr.s_addr) >> 24 == 127;
}

int listen_tcp(const std::string& host, uint16_t port, uint16_t& bound, std::string& error) {
  const Address address = resolve(host, port);
  if (address == nullptr) {
    error = "lane host '" + host + "' is not an IP address: give the address that other nodes reach";
    return -1;
  }
  const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, kBacklog) == 0) {
      bound = bound_port(fd);
      return fd;
    }
  }
  error = "cannot listen for lanes on " + host + ":" + std::to_string(port) + ": " + std::strerror(errno) +
          ": choose another lane host or port, or stop the process that uses it";
  if (fd >= 0) close(fd);
  return -1;
}

int dial_tcp(const std::string& host, uint16_t port, int send_buffer_bytes) {
  const Address address = resolve(host, port);
  if (address == nullptr) return -1;
  const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  tune(fd, send_buffer_bytes);
  if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

int accept_tcp(int listener, int send_buffer_bytes) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) tune(fd, send_buffer_bytes);
  return fd;
}

bool connected(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace baton::path::tcp
