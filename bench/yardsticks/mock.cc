// A very cheap OpenAI-compatible engine, so that a router in front of it is the bottleneck. One thread, epoll, keep-alive, SSE
// by chunked encoding, an event of about 230 bytes every interval.
//   mock --interval-us 20000 --model mock      prints its port
// A prefill leg of vLLM's NixlConnector ("do_remote_decode":true) is answered with where its blocks lie.
// "stream":true in the first or last KiB of a body: SSE of max_tokens events, else one document. GET answers every probe.
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <queue>
#include <string>
#include <strings.h>
#include <unordered_map>
#include <vector>

#include "net.h"

namespace {

struct Connection {
  int fd = -1;
  uint64_t id = 0;
  std::string in, out;
  int events_left = 0;  // > 0: streaming
  bool wants_write = false;
};

struct Tick {
  uint64_t at;
  int fd;
  uint64_t id;
  bool operator<(const Tick& other) const { return at > other.at; }
};

std::string chunk(const std::string& data) {
  const std::string event = "data: " + data + "\n\n";
  char size[32];
  snprintf(size, sizeof size, "%zx\r\n", event.size());
  return size + event + "\r\n";
}

class Mock {
 public:
  Mock(int listener, uint64_t interval_ns, const std::string& model)
      : epoll_(epoll_create1(0)), listener_(listener), interval_ns_(interval_ns), model_(model) {
    event_ = chunk("{\"id\":\"chatcmpl-7d1f0c9e4b6a4f0f8e6f9a1b2c3d4e5f\",\"object\":\"chat.completion.chunk\","
                   "\"created\":1764000000,\"model\":\"" + model +
                   "\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,"
                   "\"finish_reason\":null,\"token_ids\":null}]}");
    prefill_ = "{\"id\":\"cmpl-818341a3688310b3\",\"object\":\"chat.completion\",\"created\":1764000000,\"model\":\"" + model +
               "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\" top\"},\"logprobs\":null,"
               "\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":6,\"total_tokens\":7,\"completion_tokens\":1,"
               "\"prompt_tokens_details\":null},\"kv_transfer_params\":{\"do_remote_prefill\":true,\"do_remote_decode\":false,"
               "\"remote_block_ids\":[[1]],\"remote_engine_id\":\"4be562b9-b33e-4b74-910b-e1142e1a2cea\","
               "\"remote_request_id\":\"cmpl-818341a3688310b3-0-a8c8b202\",\"remote_host\":\"127.0.0.1\",\"remote_port\":5601,"
               "\"tp_size\":1,\"dcp_size\":1,\"pp_size\":1,\"remote_num_tokens\":6,\"remote_blocks_expiry_time\":null,"
               "\"transfer_mode\":\"pull\",\"remote_prefill_cached_tokens\":0}}";
    last_ = chunk("[DONE]") + "0\r\n\r\n";
    add(listener_);
  }

  [[noreturn]] void run() {
    epoll_event events[256];
    for (;;) {
      const int n = epoll_wait(epoll_, events, 256, wait_ms());
      for (int i = 0; i < n; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          accept_all();
          continue;
        }
        if ((events[i].events & EPOLLOUT) != 0 && connections_.contains(fd)) flush(connections_[fd]);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && connections_.contains(fd)) read(fd);
      }
      tick();
    }
  }

 private:
  int wait_ms() const {
    if (ticks_.empty()) return -1;
    const uint64_t now = yard::now_ns();
    return ticks_.top().at <= now ? 0 : static_cast<int>((ticks_.top().at - now + 999'999) / 1'000'000);
  }
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      yard::no_delay(fd);
      connections_[fd] = Connection{fd, ++ids_, {}, {}, 0, false};
      add(fd);
    }
  }
  void drop(int fd) {
    connections_.erase(fd);
    close(fd);
  }
  bool flush(Connection& c) {
    while (!c.out.empty()) {
      const ssize_t n = send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        c.out.erase(0, static_cast<size_t>(n));
        continue;
      }
      if (errno != EAGAIN) {
        drop(c.fd);
        return false;
      }
      break;
    }
    if (c.wants_write != !c.out.empty()) {
      c.wants_write = !c.out.empty();
      epoll_event event{};
      event.events = EPOLLIN | (c.wants_write ? EPOLLOUT : 0u);
      event.data.fd = c.fd;
      epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
    }
    return true;
  }
  void read(int fd) {
    for (;;) {
      const ssize_t n = recv(fd, buffer_, sizeof buffer_, 0);
      if (n > 0) {
        connections_[fd].in.append(buffer_, static_cast<size_t>(n));
        if (static_cast<size_t>(n) < sizeof buffer_) break;
        continue;
      }
      if (n == 0 || errno != EAGAIN) return drop(fd);
      break;
    }
    serve(connections_[fd]);
  }
  void serve(Connection& c) {
    while (c.events_left == 0) {
      const size_t head = c.in.find("\r\n\r\n");
      if (head == std::string::npos) break;
      const size_t length = content_length(c.in.substr(0, head + 2));
      if (c.in.size() < head + 4 + length) break;
      const bool get = c.in.compare(0, 4, "GET ") == 0;
      if (get) document(c, "{\"object\":\"list\",\"data\":[{\"id\":\"" + model_ + "\",\"object\":\"model\"}]}");
      else post(c, c.in.substr(head + 4, length));
      c.in.erase(0, head + 4 + length);
    }
    flush(c);
  }
  static size_t content_length(const std::string& head) {
    for (size_t at = head.find("\r\n"); at != std::string::npos && at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
      if (strncasecmp(head.c_str() + at + 2, "content-length:", 15) == 0) return strtoull(head.c_str() + at + 17, nullptr, 10);
    }
    return 0;
  }
  static void document(Connection& c, const std::string& body) {
    c.out += "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body;
  }
  void post(Connection& c, const std::string& body) {
    const std::string ends = body.substr(0, 1024) + body.substr(body.size() - std::min<size_t>(body.size(), 1024));
    if (ends.find("\"do_remote_decode\":true") != std::string::npos) return document(c, prefill_);
    if (ends.find("\"stream\":true") == std::string::npos) {
      return document(c, "{\"id\":\"chatcmpl-7d1f0c9e4b6a4f0f8e6f\",\"object\":\"chat.completion\",\"created\":1764000000,"
                         "\"model\":\"" + model_ + "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                         "\"content\":\"hello there\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
                         "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12}}");
    }
    const size_t key = ends.find("\"max_tokens\":");
    c.events_left = key == std::string::npos ? 32 : std::max(1, atoi(ends.c_str() + key + 13));
    c.out += "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
             "transfer-encoding: chunked\r\n\r\n";
    if (interval_ns_ == 0) {
      while (c.events_left > 0) put_event(c);
    } else {
      // Streams that start together do not tick together.
      ticks_.push({yard::now_ns() + (c.id * 7919) % interval_ns_, c.fd, c.id});
    }
  }
  void put_event(Connection& c) {
    c.out += event_;
    if (--c.events_left == 0) c.out += last_;
  }
  void tick() {
    const uint64_t now = yard::now_ns();
    while (!ticks_.empty() && ticks_.top().at <= now) {
      Tick due = ticks_.top();
      ticks_.pop();
      const auto found = connections_.find(due.fd);
      if (found == connections_.end() || found->second.id != due.id || found->second.events_left == 0) continue;
      put_event(found->second);
      const bool more = found->second.events_left > 0;
      if (!flush(found->second)) continue;
      if (more) {
        due.at += interval_ns_;
        ticks_.push(due);
      } else {
        serve(found->second);
      }
    }
  }

  int epoll_, listener_;
  uint64_t interval_ns_, ids_ = 0;
  std::string model_, event_, last_, prefill_;
  std::unordered_map<int, Connection> connections_;
  std::priority_queue<Tick> ticks_;
  char buffer_[1 << 18];
};

}  // namespace

int main(int argc, char** argv) {
  auto options = yard::options(argc, argv);
  const int listener = yard::listen_and_announce(false);
  const uint64_t interval_us = options.contains("interval-us") ? std::stoull(options["interval-us"]) : 20'000;
  auto mock = std::make_unique<Mock>(listener, interval_us * 1000, options.contains("model") ? options["model"] : "mock");
  mock->run();
}
