// The floor for any router: a TCP byte pipe. One thread, epoll, one upstream connection per client connection.
//   pipe --upstream PORT      prints its own port
#include <sys/epoll.h>

#include <cerrno>
#include <memory>
#include <string>
#include <unordered_map>

#include "net.h"

namespace {

struct End {
  int peer = -1;
  std::string unsent;  // towards this descriptor
};

class Pipe {
 public:
  Pipe(int listener, int upstream) : epoll_(epoll_create1(0)), listener_(listener), upstream_(upstream) {
    add(listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    epoll_event events[256];
    for (;;) {
      const int n = epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < n; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          accept_all();
          continue;
        }
        if ((events[i].events & EPOLLOUT) != 0 && ends_.contains(fd)) flush(fd);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && ends_.contains(fd)) copy(fd);
      }
    }
  }

 private:
  void add(int fd, uint32_t interest) {
    epoll_event event{};
    event.events = interest;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void interest(int fd, bool write) {
    epoll_event event{};
    event.events = EPOLLIN | (write ? EPOLLOUT : 0u);
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  }
  void accept_all() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (client < 0) return;
      const int server = yard::connect_to(upstream_);
      if (server < 0) {
        close(client);
        continue;
      }
      yard::no_delay(client);
      ends_[client].peer = server;
      ends_[server].peer = client;
      add(client, EPOLLIN);
      add(server, EPOLLIN);
    }
  }
  void end(int fd) {
    const int peer = ends_[fd].peer;
    for (const int each : {fd, peer}) {
      if (ends_.erase(each) > 0) close(each);
    }
  }
  void flush(int fd) {
    std::string& unsent = ends_[fd].unsent;
    const ssize_t n = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) unsent.erase(0, static_cast<size_t>(n));
    if (unsent.empty()) interest(fd, false);
  }
  void copy(int fd) {
    const ssize_t n = recv(fd, buffer_, sizeof buffer_, MSG_DONTWAIT);
    if (n <= 0) {
      if (n == 0 || errno != EAGAIN) end(fd);
      return;
    }
    const int peer = ends_[fd].peer;
    End& to = ends_[peer];
    ssize_t sent = 0;
    if (to.unsent.empty()) {
      sent = send(peer, buffer_, static_cast<size_t>(n), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) return end(fd);
      sent = std::max<ssize_t>(sent, 0);
    }
    if (sent < n) {
      to.unsent.append(buffer_ + sent, static_cast<size_t>(n - sent));
      interest(peer, true);
    }
  }

  int epoll_, listener_, upstream_;
  std::unordered_map<int, End> ends_;
  char buffer_[1 << 18];
};

}  // namespace

int main(int argc, char** argv) {
  auto options = yard::options(argc, argv);
  const int listener = yard::listen_and_announce(false);
  std::make_unique<Pipe>(listener, std::stoi(options["upstream"]))->run();
}
