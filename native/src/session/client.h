#pragma once
// The engine's end of the unix socket. Any thread may call. One request is on its way at a time and waits at
// most its time-out; what the service pushes meanwhile is noted by whoever reads. One-way messages never
// wait: what the socket does not take at once goes with the next call of any kind. A session that broke stays
// closed.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "session/messages.h"
#include "session/socket.h"
#include "session/watched.h"

namespace baton::session {

struct ClientStats {
  uint64_t rpcs = 0, rpc_timeouts = 0, late_messages = 0;
};

class Client {
 public:
  // Connects and attaches. `status` BATON_OK: `client` and `arena` are set; else `error` says what to do.
  struct Attachment {
    int status = BATON_ERR_CLOSED;
    std::string error;
    std::unique_ptr<Client> client;
    Attached answer{};
    Fd arena;
  };
  static Attachment attach(const std::string& path, const Attach&, uint32_t timeout_ms);

  // Requests. The result is the service's status, or why there is none.
  int accept(const Accept&, Accepted&);
  int fill(const Fill&, Slot&);
  int claim(const Claim&, Claimed&);
  // A ticket's progress as baton_ticket_poll answers it: the first call asks, later ones only read what was
  // pushed.
  int poll(const TicketId&);

  void forget(const TicketId&);
  int post(Message);  // one-way

  bool alive();  // reads what has come, so that a dead service is noticed
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  ClientStats stats() const;

 private:
  Client(Fd fd, uint32_t timeout_ms);

  template <class Answer>
  int call(Message request, Answer& answer);
  int exchange(Message request, Message& answer);
  // All below: under mutex_.
  void queue(const Frame&);
  void flush();
  void read();
  void handle(Frame&&);
  void give_back(const Message&);
  int close(int why);

  const Fd fd_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;
  std::condition_variable turn_;
  bool busy_ = false;  // a request is on its way
  uint32_t last_request_ = 0, expected_ = 0;
  std::optional<Message> answer_;
  std::set<uint32_t> unanswered_;  // timed out; their answers are given back when they come
  std::vector<uint8_t> in_, scratch_;
  SendQueue out_;
  Fd* passed_ = nullptr;  // takes the arena's descriptor, while attaching only
  Watched watched_;
  ClientStats stats_;
  std::atomic<bool> closed_{false};
  int why_closed_ = BATON_ERR_CLOSED;
};

}  // namespace baton::session
