// Load client: one thread, epoll, keep-alive, closed loop over a number of connections. Prints one JSON line with the router's
// CPU (by pid) per request and per SSE event, and latencies.
//   load --port P --body FILE --conns 16 --requests 8000 --warm 400 --pid PID [--path /v1/chat/completions] [--header 'a: b']
#include <strings.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "net.h"

namespace {

struct Client {
  int fd = -1;
  std::string in;
  size_t sent = 0;
  bool busy = false, head_done = false, chunked = false, writing = false;
  size_t body_left = 0;
  int status = 0;
  uint64_t started = 0, first = 0, last = 0;
  uint64_t events = 0;
};

double percentile(std::vector<uint64_t> values, double p) {
  if (values.empty()) return 0;
  const size_t at = std::min(values.size() - 1, static_cast<size_t>(p * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<long>(at), values.end());
  return static_cast<double>(values[at]) / 1e6;
}

class Load {
 public:
  Load(int port, std::string request, size_t conns, uint64_t requests, uint64_t warm, int pid)
      : port_(port), request_(std::move(request)), requests_(requests), warm_(warm), pid_(pid), clients_(conns),
        epoll_(epoll_create1(0)) {}

  int run() {
    for (auto& client : clients_) start(client);
    if (warm_ == 0) begin();
    epoll_event events[256];
    const uint64_t deadline = yard::now_ns() + 120'000'000'000u;
    while (done_ < warm_ + requests_ && yard::now_ns() < deadline) {
      const int n = epoll_wait(epoll_, events, 256, 1000);
      for (int i = 0; i < n; ++i) {
        Client& client = clients_[events[i].data.u32];
        if ((events[i].events & EPOLLOUT) != 0) push(client);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(client);
      }
    }
    return report();
  }

 private:
  void start(Client& c) {
    if (started_ >= warm_ + requests_) return;
    ++started_;
    if (c.fd < 0) {
      c.fd = yard::connect_to(port_);
      if (c.fd < 0) {
        perror("connect");
        exit(1);
      }
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = static_cast<uint32_t>(&c - clients_.data());
      epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    }
    const int fd = c.fd;
    c = Client{};
    c.fd = fd;
    c.busy = true;
    c.started = yard::now_ns();
    push(c);
  }
  void push(Client& c) {
    while (c.sent < request_.size()) {
      const ssize_t n = send(c.fd, request_.data() + c.sent, request_.size() - c.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) break;
      c.sent += static_cast<size_t>(n);
    }
    if (c.sent < request_.size() || c.writing) {
      c.writing = c.sent < request_.size();
      epoll_event event{};
      event.events = EPOLLIN | (c.writing ? EPOLLOUT : 0u);
      event.data.u32 = static_cast<uint32_t>(&c - clients_.data());
      epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
    }
  }
  void receive(Client& c) {
    const ssize_t n = recv(c.fd, buffer_, sizeof buffer_, MSG_DONTWAIT);
    const uint64_t now = yard::now_ns();
    if (n <= 0) {
      if (n < 0 && errno == EAGAIN) return;
      close(c.fd);
      c.fd = -1;
      if (c.busy) finish(c, false, now);
      return;
    }
    c.in.append(buffer_, static_cast<size_t>(n));
    if (c.busy && complete(c, now)) finish(c, c.status == 200, now);
  }
  // Consumes what stands in `in`; true when the answer is whole.
  bool complete(Client& c, uint64_t now) {
    if (!c.head_done) {
      const size_t end = c.in.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      c.status = atoi(c.in.c_str() + 9);
      for (size_t at = c.in.find("\r\n"); at < end; at = c.in.find("\r\n", at + 2)) {
        const char* line = c.in.c_str() + at + 2;
        if (strncasecmp(line, "content-length:", 15) == 0) c.body_left = strtoull(line + 15, nullptr, 10);
        if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0) c.chunked = true;
      }
      c.in.erase(0, end + 4);
      c.head_done = true;
    }
    if (!c.chunked) {
      const size_t take = std::min(c.body_left, c.in.size());
      c.body_left -= take;
      c.in.erase(0, take);
      return c.body_left == 0;
    }
    size_t at = 0;
    bool whole = false;
    for (;;) {
      const size_t line = c.in.find("\r\n", at);
      if (line == std::string::npos) break;
      const size_t size = strtoull(c.in.c_str() + at, nullptr, 16);
      if (c.in.size() < line + 2 + size + 2) break;
      if (size == 0) {
        whole = true;
        break;
      }
      count_events(c, c.in.substr(line + 2, size), now);
      at = line + 2 + size + 2;
    }
    c.in.erase(0, whole ? c.in.size() : at);
    return whole;
  }
  void count_events(Client& c, const std::string& data, uint64_t now) {
    for (size_t at = data.find("data: "); at != std::string::npos; at = data.find("data: ", at + 6)) {
      ++c.events;
      if (c.first == 0) c.first = now;
      else if (measuring_) gaps_.push_back(now - c.last);
      c.last = now;
    }
  }
  void finish(Client& c, bool ok, uint64_t now) {
    ++done_;
    if (!ok) ++failed_;
    events_ += c.events;
    if (measuring_) {
      whole_.push_back(now - c.started);
      if (c.first != 0) first_.push_back(c.first - c.started);
    }
    c.busy = false;
    if (done_ == warm_) begin();
    start(c);
  }
  void begin() {
    measuring_ = true;
    begun_ = yard::now_ns();
    cpu_ = yard::cpu_seconds(pid_);
    events_ = 0;
    counted_from_ = done_;
  }
  int report() {
    const double cpu = yard::cpu_seconds(pid_) - cpu_;
    const double n = static_cast<double>(done_ - counted_from_), events = static_cast<double>(events_);
    printf("{\"requests\":%.0f,\"failed\":%lu,\"events\":%.0f,\"seconds\":%.3f,\"cpu_s\":%.3f,\"cpu_us_per_request\":%.2f,"
           "\"cpu_us_per_event\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"first_p50_ms\":%.3f,\"first_p99_ms\":%.3f,"
           "\"gap_p50_ms\":%.3f,\"gap_p99_ms\":%.3f}\n",
           n, static_cast<unsigned long>(failed_), events, static_cast<double>(yard::now_ns() - begun_) / 1e9, cpu,
           n > 0 ? cpu * 1e6 / n : 0, events > 0 ? cpu * 1e6 / events : 0, percentile(whole_, 0.5),
           percentile(whole_, 0.99), percentile(first_, 0.5), percentile(first_, 0.99), percentile(gaps_, 0.5),
           percentile(gaps_, 0.99));
    return failed_ == 0 && done_ == warm_ + requests_ ? 0 : 1;
  }

  int port_;
  std::string request_;
  uint64_t requests_, warm_;
  int pid_;
  std::vector<Client> clients_;
  int epoll_;
  uint64_t started_ = 0, done_ = 0, failed_ = 0, events_ = 0, counted_from_ = 0, begun_ = 0;
  bool measuring_ = false;
  double cpu_ = 0;
  std::vector<uint64_t> whole_, first_, gaps_;
  char buffer_[1 << 18];
};

}  // namespace

int main(int argc, char** argv) {
  auto o = yard::options(argc, argv);
  std::ifstream file(o["body"]);
  const std::string body((std::istreambuf_iterator<char>(file)), {});
  const std::string path = o.contains("path") ? o["path"] : "/v1/chat/completions";
  const std::string header = o.contains("header") ? o["header"] + "\r\n" : "";
  const std::string request = "POST " + path + " HTTP/1.1\r\nhost: 127.0.0.1:" + o["port"] +
                              "\r\ncontent-type: application/json\r\n" + header +
                              "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  auto load = std::make_unique<Load>(std::stoi(o["port"]), request, std::stoul(o["conns"]), std::stoull(o["requests"]),
                                     std::stoull(o["warm"]), std::stoi(o["pid"]));
  return load->run();
}
