#pragma once
// What a router would say between the two ends of the lane bench: fixed messages over one unix socket, kept apart by the
// kernel (SOCK_SEQPACKET).
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "accounts.h"
#include "base/types.h"

namespace baton::bench {

enum class Kind : uint32_t { open, granted, done, ask_accounts, accounts, check, checked };

struct Message {
  Kind kind{};
  uint32_t sequence = 0, epoch = 0, ok = 0;
  TicketId ticket{};
  Key key{};
  Accounts accounts{};
};

[[noreturn]] inline void die(const std::string& what) {
  fprintf(stderr, "lane bench: %s\n", what.c_str());
  exit(1);
}

inline sockaddr_un control_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) die("the control path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

inline int control_listen(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const sockaddr_un address = control_address(path);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1) != 0) {
    die("cannot listen on " + path);
  }
  return fd;
}

inline int control_connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const sockaddr_un address = control_address(path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("cannot reach " + path);
  return fd;
}

inline void say(int fd, const Message& message) {
  if (send(fd, &message, sizeof message, MSG_NOSIGNAL) != sizeof message) die("the other end is gone");
}

// One message that is there already; false when there is none. Ends the process in order when the other end has.
inline bool hear(int fd, Message& message, bool& closed) {
  const ssize_t n = recv(fd, &message, sizeof message, MSG_DONTWAIT);
  closed = n == 0;
  return n == sizeof message;
}

}  // namespace baton::bench
