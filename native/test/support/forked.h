#pragma once
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "session/socket.h"

namespace baton::test {

// Another process, forked before this one has threads. It talks to the test over a pair of sockets and never
// returns.
class Forked {
 public:
  explicit Forked(const std::function<void(int)>& body) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(ends[0]);
      body(ends[1]);
      ::_exit(3);
    }
    ::close(ends[1]);
    pipe_ = session::Fd(ends[0]);
  }
  ~Forked() {
    if (pid_ > 0) kill();
  }
  void say() const { CHECK(::write(pipe_.get(), "x", 1) == 1); }
  bool hear() const {
    char byte;
    return ::read(pipe_.get(), &byte, 1) == 1;
  }
  void let_go() { pipe_ = session::Fd(); }  // whoever still reads there reads the end
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
  session::Fd pipe_;
};

// In the child.
inline void say(int pipe) {
  if (::write(pipe, "x", 1) != 1) ::_exit(4);
}
inline void hear(int pipe) {
  char byte;
  if (::read(pipe, &byte, 1) != 1) ::_exit(5);
}

}  // namespace baton::test
