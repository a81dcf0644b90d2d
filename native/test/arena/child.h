#pragma once
// A child process that does something, says so, and then waits to be killed.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace fixture {

class Child {
 public:
  // Returns once `act` has ended in the child with true.
  explicit Child(const std::function<bool()>& act) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives its test
      const char answer = act() ? 'y' : 'n';
      if (write(ends[1], &answer, 1) != 1) _exit(2);
      for (;;) pause();
    }
    close(ends[1]);
    char answer = 0;
    REQUIRE(read(ends[0], &answer, 1) == 1);
    close(ends[0]);
    REQUIRE(answer == 'y');
  }
  ~Child() { kill_and_wait(); }
  Child(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void kill_and_wait() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

}  // namespace fixture
