#include "arena/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace baton {
namespace {

struct Stat {
  bool readable = false, gone = false;
  uint64_t start = 0;
};

// /proc/PID/stat: "pid (name) state …", where the name may hold anything, parentheses too. Field 3 is the state, 20
// the number of threads, 22 the start time.
Stat read_stat(int32_t pid) {
  char path[32], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return {};
  text[n] = 0;
  const char* at = std::strrchr(text, ')');
  if (!at || at[1] != ' ') return {};
  Stat stat;
  const char state = at[2];
  at += 2;
  long threads = 0;
  for (int field = 3; field < 22; ++field) {
    if (field == 20) threads = std::atol(at);
    at = std::strchr(at, ' ');
    if (!at) return {};
    ++at;
  }
  stat.readable = true;
  stat.start = std::strtoull(at, nullptr, 10);
  // A zombie whose other threads run on still writes.
  stat.gone = state == 'X' || (state == 'Z' && threads <= 1);
  return stat;
}

class SystemProcesses final : public Processes {
 public:
  uint64_t start_time(int32_t pid) const override {
    const Stat stat = read_stat(pid);
    return stat.gone ? 0 : stat.start;
  }

  bool lives(int32_t pid, uint64_t start_time) const override {
    if (pid <= 0) return false;
    const Stat stat = read_stat(pid);
    if (stat.readable) return !stat.gone && (start_time == 0 || stat.start == start_time);
    return kill(pid, 0) == 0 || errno == EPERM;  // no /proc: better keep a slot than give it away too early
  }
};

}  // namespace

const Processes& Processes::system() {
  static const SystemProcesses processes;
  return processes;
}

}  // namespace baton
