#include "session/server.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "session/connection.h"

namespace baton::session {
namespace {

constexpr size_t kReadBytes = 64u << 10;  // of one engine per turn, so that one cannot starve the others
constexpr uint64_t kNsPerMs = 1'000'000, kAcceptPauseNs = 100 * kNsPerMs;

struct SocketFile {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const SocketFile&) const = default;
  static SocketFile at(const std::string& path) {
    struct stat file {};
    return ::lstat(path.c_str(), &file) == 0 ? SocketFile{file.st_dev, file.st_ino} : SocketFile{};
  }
};

class UnixServer final : public Server {
 public:
  UnixServer(Loop& loop, Handler& handler, std::string path, Fd listener, int arena_fd)
      : loop_(loop),
        handler_(handler),
        path_(std::move(path)),
        file_(SocketFile::at(path_)),
        listener_(std::move(listener)),
        arena_fd_(arena_fd) {
    loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept_all(); });
  }

  ~UnixServer() override {
    loop_.unwatch(listener_.get());
    loop_.cancel(accept_timer_);
    loop_.cancel(reap_timer_);
    // A newer service may have put its own file at this path.
    if (SocketFile::at(path_) == file_) ::unlink(path_.c_str());
    for (auto& [id, connection] : std::exchange(connections_, {})) {
      loop_.cancel(connection.attach_timer);
      loop_.unwatch(connection.fd.get());
      if (connection.attached) handler_.ended(id);
    }
  }

  void push(SessionId id, const Ticket& ticket) override {
    if (Connection* connection = find(id); connection && connection->attached) send(*connection, {0, ticket});
  }

  void end(SessionId id) override {
    if (Connection* connection = find(id)) end_soon(*connection);
  }

  ServerStats stats() const override { return {attached_, malformed_, cut_slow_}; }

 private:
  Connection* find(SessionId id) {
    const auto it = connections_.find(id);
    return it == connections_.end() || it->second.ending ? nullptr : &it->second;
  }

  void accept_all() {
    for (;;) {
      Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) pause_accepting();
        return;
      }
      if (connections_.size() - attached_ - left_ >= limits::kSessionsPendingMax) continue;  // closed at once
      add(std::move(fd));
    }
  }

  // Out of descriptors or memory: a readable listener would spin the loop.
  void pause_accepting() {
    loop_.rewatch(listener_.get(), 0);
    accept_timer_ = loop_.after(kAcceptPauseNs, [this] {
      accept_timer_ = 0;
      loop_.rewatch(listener_.get(), EPOLLIN);
    });
  }

  void add(Fd fd) {
    const SessionId id = ++last_id_;
    Connection& connection = connections_[id];
    connection.id = id;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) connection.pid = peer.pid;
    connection.fd = std::move(fd);
    connection.attach_timer = loop_.after(limits::kSessionAttachMs * kNsPerMs, [this, id] {
      if (Connection* late = find(id)) end_soon(*late);
    });
    loop_.watch(connection.fd.get(), EPOLLIN, [this, id](uint32_t events) { ready(id, events); });
  }

  void ready(SessionId id, uint32_t events) {
    Connection* connection = find(id);
    if (!connection) return;
    if (events & EPOLLOUT) flush(*connection);
    if (events & ~uint32_t{EPOLLOUT}) read(*connection);
  }

  void read(Connection& connection) {
    size_t n = 0;
    const Io io = receive(connection.fd.get(), scratch_, n);
    if (io == Io::ended) return end_soon(connection);
    if (io == Io::blocked || connection.draining) return;
    std::span<const uint8_t> bytes(scratch_.data(), n);
    if (!connection.in.empty()) {
      connection.in.insert(connection.in.end(), bytes.begin(), bytes.end());
      bytes = connection.in;
    }
    while (!connection.ending && !connection.draining) {
      const Decoded decoded = decode(bytes);
      if (decoded.malformed || (decoded.frame && !dispatch(connection, *decoded.frame))) {
        ++malformed_;
        return end_soon(connection);
      }
      if (!decoded.frame) break;
      bytes = bytes.subspan(decoded.consumed);
    }
    // At most one frame's part stays, so this is bounded by kSessionFrameBytesMax and one read.
    if (connection.in.empty()) {
      connection.in.assign(bytes.begin(), bytes.end());
    } else {
      connection.in.erase(connection.in.begin(), connection.in.end() - static_cast<ptrdiff_t>(bytes.size()));
    }
  }

  // False: this message has no business here.
  bool dispatch(Connection& connection, const Frame& frame) {
    if (const auto* attach = std::get_if<Attach>(&frame.message)) {
      if (connection.attached) return false;
      this->attach(connection, frame.request, *attach);
      return true;
    }
    if (!connection.attached) return false;
    const SessionId id = connection.id;
    const auto answer = [&](Message message) { send(connection, {frame.request, std::move(message)}); };
    if (const auto* m = std::get_if<Accept>(&frame.message)) return answer(handler_.accept(id, *m)), true;
    if (const auto* m = std::get_if<Watch>(&frame.message)) return answer(handler_.watch(id, *m)), true;
    if (const auto* m = std::get_if<Fill>(&frame.message)) return answer(handler_.fill(id, *m)), true;
    if (const auto* m = std::get_if<Claim>(&frame.message)) return answer(handler_.claim(id, *m)), true;
    if (const auto* m = std::get_if<Forget>(&frame.message)) return handler_.forget(id, *m), true;
    if (const auto* m = std::get_if<Abandon>(&frame.message)) return handler_.abandon(id, *m), true;
    if (const auto* m = std::get_if<Announce>(&frame.message)) return handler_.announce(id, *m), true;
    if (const auto* m = std::get_if<Release>(&frame.message)) return handler_.release(id, *m), true;
    if (const auto* m = std::get_if<Scattered>(&frame.message)) return handler_.scattered(id, *m), true;
    if (const auto* m = std::get_if<Corrupt>(&frame.message)) return handler_.corrupt(id, *m), true;
    if (const auto* m = std::get_if<Quiesced>(&frame.message)) return handler_.quiesced(id, *m), true;
    return false;  // an answer: only the service answers
  }

  void attach(Connection& connection, uint32_t request, const Attach& attach) {
    Attached answer{};
    answer.abi = BATON_ABI_VERSION;
    if (attach.abi != BATON_ABI_VERSION) {
      answer.status = BATON_ERR_VERSION;
      answer.message = "the service speaks ABI version " + std::to_string(BATON_ABI_VERSION) +
                       ", the engine's libbaton " + std::to_string(attach.abi) +
                       ": install the same Baton on both";
    } else if (attach.pid != connection.pid) {
      // Slots are freed by what becomes of this process, so its id must mean the same here as there.
      answer.status = BATON_ERR_ARGUMENT;
      answer.message = "the engine calls itself process " + std::to_string(attach.pid) +
                       ", the service sees process " + std::to_string(connection.pid) +
                       ": run both in one PID namespace";
    } else if (attached_ + left_ >= limits::kSessionsMax) {
      answer.status = BATON_ERR_FULL;
      answer.message = "the service has " + std::to_string(attached_) + " engines attached and " +
                       std::to_string(left_) + " that have not let go of an ended session, and takes no more";
    } else {
      answer = handler_.attach(connection.id, attach);
    }
    if (answer.status == BATON_OK) {
      loop_.cancel(std::exchange(connection.attach_timer, 0));
      connection.attached = true;
      ++attached_;
      connection.out.pass(arena_fd_);
    } else {
      connection.draining = true;
    }
    send(connection, {request, std::move(answer)});
  }

  void send(Connection& connection, const Frame& frame) {
    if (connection.ending) return;
    encode(frame, connection.out.tail());
    flush(connection);
    if (!connection.ending && connection.out.size() > limits::kSessionSendBytesMax) {
      ++cut_slow_;
      end_soon(connection);
    }
  }

  void flush(Connection& connection) {
    const Io io = connection.out.flush(connection.fd.get());
    if (io == Io::ended || (io == Io::ok && connection.draining)) return end_soon(connection);
    loop_.rewatch(connection.fd.get(), io == Io::blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  // Never ends a session inside the handler's own call of push() or end(): the loop does, in its next turn.
  void end_soon(Connection& connection) {
    if (connection.ending) return;
    connection.ending = true;
    loop_.unwatch(connection.fd.get());
    doomed_.push_back(connection.id);
    if (reap_timer_ == 0) {
      reap_timer_ = loop_.after(0, [this] {
        reap_timer_ = 0;
        for (const SessionId id : std::exchange(doomed_, {})) end_now(id);
      });
    }
  }

  void end_now(SessionId id) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    Connection& connection = it->second;
    loop_.cancel(connection.attach_timer);
    if (!connection.attached) {
      connections_.erase(it);
      return;
    }
    connection.attached = false;
    connection.in = {};
    connection.out = {};
    --attached_;
    ++left_;
    ::shutdown(connection.fd.get(), SHUT_WR);  // so that the engine hears of it
    handler_.ended(id);
    // Nothing is read any more; the hang-up of the engine's end is reported all the same.
    loop_.watch(connection.fd.get(), 0, [this, id](uint32_t) { forget(id); });
    pollfd closed{connection.fd.get(), 0, 0};
    if (::poll(&closed, 1, 0) == 1) forget(id);
  }

  void forget(SessionId id) {
    const auto it = connections_.find(id);
    loop_.unwatch(it->second.fd.get());
    connections_.erase(it);
    --left_;
    handler_.gone(id);
  }

  Loop& loop_;
  Handler& handler_;
  const std::string path_;
  const SocketFile file_;
  const Fd listener_;
  const int arena_fd_;
  std::map<SessionId, Connection> connections_;  // references stay valid while others come and go
  std::vector<SessionId> doomed_;
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(kReadBytes);
  SessionId last_id_ = 0;
  uint64_t accept_timer_ = 0, reap_timer_ = 0;
  uint64_t attached_ = 0, malformed_ = 0, cut_slow_ = 0;
  uint64_t left_ = 0;  // ended, the engine's end still open
};

}  // namespace

std::unique_ptr<Server> Server::listen(Loop& loop, const std::string& path, int arena_fd, Handler& handler,
                                       std::string& error) {
  Fd listener = listen_at(path, error);
  if (!listener) return nullptr;
  return std::make_unique<UnixServer>(loop, handler, path, std::move(listener), arena_fd);
}

}  // namespace baton::session
