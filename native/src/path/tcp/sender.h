#pragma once
// The sending half of a lane: frames in order, several to a system call, payloads straight out of the arena.
#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/loop.h"
#include "path/tcp/frame.h"

namespace baton::path::tcp {

class Sender {
 public:
  enum class Wrote { all, some, broken };  // some: more when the socket takes more

  void start(const Secret& secret) { secret_ = secret; }
  bool room() const;  // for one more run
  void push_run(const Run&);
  void push(FrameType, const TicketId&, uint32_t epoch, std::span<const uint8_t> body);
  // `began` is told of each run whose first byte was taken, and when the call that took it began: by its end the
  // run may have landed. `bytes` counts what was taken.
  using Began = std::function<void(const Run&, uint64_t now_ns)>;
  Wrote write(int fd, const Loop&, const Began&, uint64_t& bytes, uint64_t& frames);
  // Removes the ticket's runs of which no byte has gone out.
  void drop(const TicketId&);
  // The run that this is the verdict on, taken off the list of those in flight; nothing when there is none.
  std::optional<Run> acknowledged(const Ack&);
  bool empty() const { return queue_.empty(); }
  size_t control_bytes() const { return control_bytes_; }

 private:
  struct Out {
    std::vector<uint8_t> head;
    const uint8_t* payload = nullptr;
    uint64_t length = 0, sent = 0;  // sent: bytes of head and payload
    bool is_run = false, sealed = false;
    Run run;
    uint64_t size() const { return head.size() + length; }
  };
  size_t gather(iovec* parts, size_t max);
  void took(uint64_t n, uint64_t now_ns, const Began&, uint64_t& frames);

  Secret secret_{};
  std::deque<Out> queue_;
  std::deque<Run> in_flight_;      // a byte of them went out and no verdict came back; oldest first
  uint64_t sequence_ = 0;          // of the last sealed frame
  uint64_t owed_bytes_ = 0;        // payload announced and not acknowledged
  size_t queued_runs_ = 0, control_bytes_ = 0;
};

}  // namespace baton::path::tcp
