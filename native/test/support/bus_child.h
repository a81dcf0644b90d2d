#pragma once
// A node or an engine in a process of its own, so that it can be stopped and killed. Speaks lines over pipes.
#include <sys/types.h>

#include <cstdio>
#include <string>

namespace baton::test {

class BusChild {
 public:
  // role "target": node b with engine d; "source": node a with engine p; "engine": engine p on node a's socket.
  BusChild(const std::string& role, const std::string& folder, unsigned silence_ms = 20'000);
  ~BusChild();
  // The answer to one command; "" when the child is gone.
  std::string ask(const std::string& command);
  unsigned long number(const std::string& command) { return std::stoul(ask(command)); }
  void signal(int number);
  void kill_and_wait();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  FILE *to_ = nullptr, *from_ = nullptr;
};

// What the child's main does; call it first in main(). True: it was the child, and `status` is its exit status.
bool run_as_child(int argc, char** argv, int& status);

}  // namespace baton::test
