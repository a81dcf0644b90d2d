#include "support/session_service.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <utility>

namespace baton::test {

using namespace session;

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "baton-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Attached ScriptedHandler::attach(SessionId id, const Attach& m) {
  Attached answer = on_attach ? on_attach(id, m) : Attached{BATON_OK, BATON_ABI_VERSION, 7, 4096, ""};
  const std::lock_guard lock(mutex_);
  if (answer.status == BATON_OK) attached_.push_back(id);
  changed_.notify_all();
  return answer;
}
Accepted ScriptedHandler::accept(SessionId id, const Accept& m) {
  return on_accept ? on_accept(id, m) : Accepted{BATON_OK, std::vector<uint8_t>(m.chunks, 1)};
}
Ticket ScriptedHandler::watch(SessionId id, const Watch& m) {
  return on_watch ? on_watch(id, m) : Ticket{m.ticket, TicketState::reserved, Reason::none, BATON_LANDING, 0};
}
Slot ScriptedHandler::fill(SessionId id, const Fill& m) {
  return on_fill ? on_fill(id, m) : Slot{BATON_OK, m.chunk, 1, 4096, 100 + m.chunk};
}
Claimed ScriptedHandler::claim(SessionId id, const Claim& m) {
  return on_claim ? on_claim(id, m) : Claimed{BATON_OK, 1, {}};
}

void ScriptedHandler::ended(SessionId id) {
  const std::lock_guard lock(mutex_);
  ended_.push_back(id);
  changed_.notify_all();
}

void ScriptedHandler::gone(SessionId id) {
  const std::lock_guard lock(mutex_);
  gone_.push_back(id);
  changed_.notify_all();
}

void ScriptedHandler::came(SessionId, Message message) {
  const std::lock_guard lock(mutex_);
  came_.push_back(std::move(message));
  changed_.notify_all();
}

bool ScriptedHandler::wait(const std::function<bool()>& holds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::minutes(1), holds);
}
bool ScriptedHandler::wait_attached(size_t n) {
  return wait([&] { return attached_.size() >= n; });
}
bool ScriptedHandler::wait_ended(size_t n) {
  return wait([&] { return ended_.size() >= n; });
}
bool ScriptedHandler::wait_gone(size_t n) {
  return wait([&] { return gone_.size() >= n; });
}
bool ScriptedHandler::wait_came(size_t n) {
  return wait([&] { return came_.size() >= n; });
}
std::vector<SessionId> ScriptedHandler::attached() {
  const std::lock_guard lock(mutex_);
  return attached_;
}
std::vector<SessionId> ScriptedHandler::ended_sessions() {
  const std::lock_guard lock(mutex_);
  return ended_;
}
std::vector<SessionId> ScriptedHandler::gone_sessions() {
  const std::lock_guard lock(mutex_);
  return gone_;
}
std::vector<Message> ScriptedHandler::messages() {
  const std::lock_guard lock(mutex_);
  return came_;
}

SessionService::SessionService(Handler& handler, std::string path)
    : SessionService(handler, -1, std::move(path)) {}

SessionService::SessionService(Handler& handler, int arena_fd, std::string path)
    : path_(path.empty() ? folder_.file("s") : std::move(path)), loop_(Loop::create()) {
  if (arena_fd < 0) {
    arena_ = Fd(::memfd_create("arena", MFD_CLOEXEC));
    arena_fd = arena_.get();
    if (::ftruncate(arena_fd, 4096) != 0) throw std::runtime_error("no memory file");
  }
  std::string error;
  server_ = Server::listen(*loop_, path_, arena_fd, handler, error);
  if (!server_) throw std::runtime_error(error);
  thread_ = std::thread([this] { loop_->run(); });
}

void SessionService::stop() {
  if (!thread_.joinable()) return;
  loop_->post([this] {
    server_.reset();
    loop_->stop();
  });
  thread_.join();
}

void SessionService::on_loop(const std::function<void(Server&)>& work) {
  std::promise<void> done;
  loop_->post([&] {
    work(*server_);
    done.set_value();
  });
  done.get_future().wait();
}

ServerStats SessionService::stats() {
  ServerStats stats{};
  on_loop([&](Server& server) { stats = server.stats(); });
  return stats;
}

void Door::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  opened_.notify_all();
}
void Door::wait() {
  std::unique_lock lock(mutex_);
  opened_.wait(lock, [this] { return open_; });
}

RawPeer::RawPeer(const std::string& path) {
  std::string error;
  fd_ = connect_to(path, 60'000, error);
  if (!fd_) throw std::runtime_error(error);
}

void RawPeer::send(const std::vector<uint8_t>& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      pollfd ready{fd_.get(), POLLOUT, 0};
      ::poll(&ready, 1, 60'000);
    } else {
      return;  // cut off: what the test asks next shows it
    }
  }
}

void RawPeer::send(const Frame& frame) {
  std::vector<uint8_t> bytes;
  encode(frame, bytes);
  send(bytes);
}

std::optional<Frame> RawPeer::receive() {
  std::vector<uint8_t> room(4096);
  for (;;) {
    Decoded decoded = decode(in_);
    if (decoded.frame) {
      in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(decoded.consumed));
      return std::move(decoded.frame);
    }
    pollfd ready{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 60'000) != 1) throw std::runtime_error("nothing came for a minute");
    size_t n = 0;
    if (session::receive(fd_.get(), room, n) == Io::ended) return std::nullopt;
    in_.insert(in_.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(n));
  }
}

Attach attach_message(const std::string& engine) {
  Geometry geometry;
  geometry.layers = 2, geometry.heads = 2, geometry.planes = 1, geometry.chunk_tokens = 256;
  geometry.plane_bytes[0] = 64;
  return Attach{BATON_ABI_VERSION, ::getpid(), engine, {}, geometry};
}

Client::Attachment attach_to(const std::string& path, uint32_t timeout_ms) {
  return Client::attach(path, attach_message(), timeout_ms);
}

TicketId ticket_id(uint8_t first) {
  TicketId ticket{};
  ticket[0] = first;
  return ticket;
}

}  // namespace baton::test
