// Baseline of a transfer: random pages of a 256 MiB pool over one TCP connection, writev in, readv straight into the target's
// pages, one ack per batch after it is applied. No framing beyond that, no digest. And memcpy of the same pages.
//   plain server                                  prints its port
//   plain client --port P --page 16384 --seconds 1 [--depth 4]
//   plain memcpy --page 16384 --seconds 1
// The last two print one JSON line: {"gb_per_s":x,"cpu_s_per_gb":x} (own process; the server's CPU is measured by pid).
#include <limits.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "net.h"

namespace {

constexpr size_t kPool = size_t{256} << 20, kBatch = size_t{1} << 20;

struct Head {
  uint64_t id;
  uint32_t pages, page_bytes;
};

char* pool() {
  void* memory = mmap(nullptr, kPool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) exit(1);
  auto* words = static_cast<uint64_t*>(memory);
  for (size_t i = 0; i < kPool / 8; ++i) words[i] = i * 0x9e3779b97f4a7c15u;
  return static_cast<char*>(memory);
}

uint64_t random_word() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

bool transfer(int fd, bool write, std::vector<iovec> parts) {
  for (size_t at = 0; at < parts.size();) {
    const int count = static_cast<int>(std::min<size_t>(parts.size() - at, IOV_MAX));
    ssize_t n = write ? writev(fd, parts.data() + at, count) : readv(fd, parts.data() + at, count);
    if (n <= 0) {
      if (n < 0 && errno == EINTR) continue;
      return false;
    }
    while (at < parts.size() && static_cast<size_t>(n) >= parts[at].iov_len) n -= static_cast<ssize_t>(parts[at++].iov_len);
    if (at < parts.size()) {
      parts[at].iov_base = static_cast<char*>(parts[at].iov_base) + n;
      parts[at].iov_len -= static_cast<size_t>(n);
    }
  }
  return true;
}

void serve(int fd, char* memory) {
  Head head;
  std::vector<uint64_t> offsets;
  for (;;) {
    if (!transfer(fd, false, {{&head, sizeof head}}) || head.pages > 65536 || head.page_bytes > kPool) return;
    offsets.resize(head.pages);
    if (!transfer(fd, false, {{offsets.data(), offsets.size() * 8}})) return;
    std::vector<iovec> parts;
    for (const uint64_t offset : offsets) {
      if (offset > kPool - head.page_bytes) return;
      parts.push_back({memory + offset, head.page_bytes});
    }
    if (!transfer(fd, false, parts) || !transfer(fd, true, {{&head.id, sizeof head.id}})) return;
  }
}

void report(double seconds, double bytes, double cpu) {
  printf("{\"gb_per_s\":%.4f,\"cpu_s_per_gb\":%.4f}\n", bytes / 1e9 / seconds, cpu / (bytes / 1e9));
}

double own_cpu() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void client(int port, size_t page, double seconds, size_t depth) {
  const int fd = yard::connect_to(port);
  char* memory = pool();
  const size_t pages = kBatch / page, in_pool = kPool / page;
  std::vector<uint64_t> offsets(pages);
  uint64_t sent = 0, done = 0, measured_from = 0, begun = yard::now_ns();
  double cpu = 0;
  bool measuring = false;
  for (;;) {
    const uint64_t now = yard::now_ns();
    if (!measuring && now - begun > 200'000'000u) {
      measuring = true;
      begun = now;
      measured_from = done;
      cpu = own_cpu();
    }
    if (measuring && static_cast<double>(now - begun) > seconds * 1e9) break;
    while (sent < done + depth) {
      Head head{sent++, static_cast<uint32_t>(pages), static_cast<uint32_t>(page)};
      std::vector<iovec> parts{{&head, sizeof head}, {offsets.data(), pages * 8}};
      for (size_t i = 0; i < pages; ++i) {
        offsets[i] = random_word() % in_pool * page;
        parts.push_back({memory + random_word() % in_pool * page, page});
      }
      if (!transfer(fd, true, parts)) exit(1);
    }
    uint64_t ack;
    if (!transfer(fd, false, {{&ack, sizeof ack}})) exit(1);
    ++done;
  }
  report(static_cast<double>(yard::now_ns() - begun) / 1e9, static_cast<double>((done - measured_from) * kBatch),
         own_cpu() - cpu);
}

void copy(size_t page, double seconds) {
  char *from = pool(), *to = pool();
  const size_t in_pool = kPool / page;
  const uint64_t begun = yard::now_ns();
  const double cpu = own_cpu();
  double bytes = 0;
  while (static_cast<double>(yard::now_ns() - begun) < seconds * 1e9) {
    for (size_t i = 0; i < kBatch / page; ++i) {
      memcpy(to + random_word() % in_pool * page, from + random_word() % in_pool * page, page);
    }
    bytes += kBatch;
  }
  report(static_cast<double>(yard::now_ns() - begun) / 1e9, bytes, own_cpu() - cpu);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  auto o = yard::options(argc - 1, argv + 1);
  if (mode == "server") {
    char* memory = pool();
    const int listener = yard::listen_and_announce(true);
    for (;;) {
      const int fd = accept(listener, nullptr, nullptr);
      if (fd < 0) continue;
      yard::no_delay(fd);
      serve(fd, memory);
      close(fd);
    }
  }
  const size_t page = std::stoul(o["page"]);
  const double seconds = std::stod(o["seconds"]);
  if (mode == "memcpy") copy(page, seconds);
  else client(std::stoi(o["port"]), page, seconds, o.contains("depth") ? std::stoul(o["depth"]) : 4);
}
