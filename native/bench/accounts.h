#pragma once
// CPU of one end, by thread: the main thread is the engine, every other one is the service's.
#include <dirent.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace baton::bench {

struct Accounts {  // ns
  uint64_t engine_user = 0, engine_system = 0, service_user = 0, service_system = 0;
  uint64_t copying = 0;  // of engine_user: inside baton_gather or baton_scatter

  Accounts since(const Accounts& begin) const {
    return {engine_user - begin.engine_user, engine_system - begin.engine_system, service_user - begin.service_user,
            service_system - begin.service_system, copying - begin.copying};
  }
  uint64_t total() const { return engine_user + engine_system + service_user + service_system; }
};

inline void thread_times(long id, uint64_t& user, uint64_t& system) {
  char name[64], text[1024];
  snprintf(name, sizeof name, "/proc/self/task/%ld/stat", id);
  FILE* file = fopen(name, "r");
  if (file == nullptr) return;
  const size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = 0;
  const char* after_name = strrchr(text, ')');
  unsigned long ticks[2] = {};
  if (after_name != nullptr) {
    sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ticks[0], &ticks[1]);
  }
  const uint64_t tick = 1'000'000'000u / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  user += ticks[0] * tick;
  system += ticks[1] * tick;
}

inline Accounts accounts_now(uint64_t copying) {
  Accounts a;
  a.copying = copying;
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return a;
  while (const dirent* entry = readdir(tasks)) {
    const long id = atol(entry->d_name);
    if (id == 0) continue;
    if (id == getpid()) thread_times(id, a.engine_user, a.engine_system);
    else thread_times(id, a.service_user, a.service_system);
  }
  closedir(tasks);
  return a;
}

}  // namespace baton::bench
