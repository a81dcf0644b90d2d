#include "session/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace baton::session {
namespace {

constexpr int kBacklog = 64;
constexpr size_t kCompactBytes = 64u << 10;

std::optional<sockaddr_un> address_of(const std::string& path, std::string& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) {
    error = "the socket path must have 1 to " + std::to_string(sizeof address.sun_path - 1) +
            " bytes, this one has " + std::to_string(path.size()) + ": choose a shorter folder";
    return std::nullopt;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::string failed(const char* what, const std::string& path, int code) {
  return std::string(what) + " " + path + ": " + std::strerror(code);
}

int connect_socket(int fd, const sockaddr_un& address) {
  const int rc = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return rc == 0 ? 0 : errno;
}

// True when `path` is free to bind: nothing there, or a socket file that no process listens at any more.
bool make_way(const std::string& path, const sockaddr_un& address, std::string& error) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return true;
    error = failed("cannot look at", path, errno);
    return false;
  }
  if (!S_ISSOCK(file.st_mode)) {
    error = path + " exists and is not a socket: remove it or choose another socket path";
    return false;
  }
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int code = probe ? connect_socket(probe.get(), address) : errno;
  if (code == ENOENT) return true;
  if (code != ECONNREFUSED) {
    error = code == 0 || code == EAGAIN
                ? "another transfer service listens at " + path + ": stop it or choose another path"
                : failed("cannot look at", path, code);
    return false;
  }
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return true;
  error = failed("cannot remove the stale socket", path, errno);
  return false;
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd connect_to(const std::string& path, uint32_t timeout_ms, std::string& error) {
  const auto address = address_of(path, error);
  if (!address) return {};
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    error = failed("cannot make a socket for", path, errno);
    return {};
  }
  // A full backlog makes connect wait; the send time-out bounds that wait.
  timeval bound{};
  bound.tv_sec = timeout_ms / 1000;
  bound.tv_usec = static_cast<suseconds_t>(timeout_ms % 1000) * 1000;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  int code = connect_socket(fd.get(), *address);
  while (code == EINTR) code = connect_socket(fd.get(), *address);
  if (code == ENOENT || code == ECONNREFUSED) {
    error = "no transfer service listens at " + path + ": start it on this node, or correct the socket path";
  } else if (code == EACCES || code == EPERM) {
    error = "may not connect to " + path + ": run the engine as the user of the transfer service";
  } else if (code != 0) {
    error = failed("cannot connect to", path, code);
  }
  if (code != 0) return {};
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) {
    error = failed("cannot connect to", path, errno);
    return {};
  }
  return fd;
}

Fd listen_at(const std::string& path, std::string& error) {
  const auto address = address_of(path, error);
  if (!address || !make_way(path, *address, error)) return {};
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Nobody can connect before listen, so the mode is right from the first moment.
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    error = failed("cannot bind", path, errno);
    return {};
  }
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    error = failed("cannot listen at", path, errno);
    ::unlink(path.c_str());
    return {};
  }
  return fd;
}

Io SendQueue::flush(int fd) {
  while (!empty()) {
    iovec part{bytes_.data() + sent_, size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (pass_ >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(head), &pass_, sizeof pass_);
    }
    const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == ENOBUFS ? Io::blocked : Io::ended;
    }
    pass_ = -1;
    sent_ += static_cast<size_t>(n);
    if (empty() || sent_ >= kCompactBytes) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(sent_));
      sent_ = 0;
    }
  }
  return Io::ok;
}

Io receive(int fd, std::span<uint8_t> room, size_t& n, Fd* received) {
  n = 0;
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (received) {
    message.msg_control = control;
    message.msg_controllen = CMSG_LEN(sizeof(int));  // exactly one: the kernel drops what has no room
  }
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Io::blocked : Io::ended;
  const cmsghdr* head = received ? CMSG_FIRSTHDR(&message) : nullptr;
  if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
    int passed = -1;
    std::memcpy(&passed, CMSG_DATA(head), sizeof passed);
    *received = Fd(passed);
  }
  n = static_cast<size_t>(got);
  return n == 0 ? Io::ended : Io::ok;
}

}  // namespace baton::session
