#pragma once
// The few system calls both ends of the unix socket share. Nothing here blocks but connect_to, which is
// bounded.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace baton::session {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// Connected, non-blocking, close-on-exec. Empty and `error` (what to do) on failure.
Fd connect_to(const std::string& path, uint32_t timeout_ms, std::string& error);
// Bound and listening with mode 0600. Replaces a socket file nobody listens at; anything else at `path` is an
// error.
Fd listen_at(const std::string& path, std::string& error);

enum class Io { ok, blocked, ended };

// Bytes waiting to be sent. Sent bytes leave the memory in large steps, so that a long queue costs no
// quadratic moves.
class SendQueue {
 public:
  std::vector<uint8_t>& tail() { return bytes_; }  // append here
  size_t size() const { return bytes_.size() - sent_; }
  bool empty() const { return size() == 0; }
  // The next byte sent carries this descriptor (not owned).
  void pass(int fd) { pass_ = fd; }
  Io flush(int fd);

 private:
  std::vector<uint8_t> bytes_;
  size_t sent_ = 0;
  int pass_ = -1;
};

// Reads what is there into `room`, `n` bytes of it. `received`: takes a descriptor that came along.
Io receive(int fd, std::span<uint8_t> room, size_t& n, Fd* received = nullptr);

}  // namespace baton::session
