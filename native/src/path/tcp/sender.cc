#include "path/tcp/sender.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace baton::path::tcp {
namespace {

constexpr size_t kPartsMax = 32;                // iovecs of one sendmsg
constexpr uint64_t kTurnBytesMax = 16u << 20;   // then other descriptors have their turn

bool same_run(const Run& run, const Ack& ack) {
  return run.ticket == ack.ticket && run.epoch == ack.epoch && run.chunk == ack.chunk &&
         run.stripe_first == ack.stripe_first && run.stripe_count == ack.stripe_count;
}

}  // namespace

bool Sender::room() const {
  if (in_flight_.size() + queued_runs_ >= limits::kLaneRunsInFlightMax) return false;
  return owed_bytes_ < limits::kLaneBytesInFlightMax;
}

void Sender::push_run(const Run& run) {
  Frame frame;
  frame.type = FrameType::run;
  frame.ticket = run.ticket;
  frame.epoch = run.epoch;
  frame.chunk = run.chunk;
  frame.stripe_first = run.stripe_first;
  frame.stripe_count = run.stripe_count;
  frame.length = run.length;
  frame.body = {reinterpret_cast<const uint8_t*>(run.digests.data()), run.digests.size_bytes()};
  Out out;
  encode(frame, out.head);
  out.payload = run.bytes;
  out.length = run.length;
  out.is_run = true;
  out.run = run;
  owed_bytes_ += run.length;
  ++queued_runs_;
  queue_.push_back(std::move(out));
}

void Sender::push(FrameType type, const TicketId& ticket, uint32_t epoch, std::span<const uint8_t> body) {
  Frame frame;
  frame.type = type;
  frame.ticket = ticket;
  frame.epoch = epoch;
  frame.body = body;
  Out out;
  encode(frame, out.head);
  control_bytes_ += out.head.size();
  queue_.push_back(std::move(out));
}

// Frames get their sequence when they are first offered to the socket: until then they may still be dropped.
size_t Sender::gather(iovec* parts, size_t max) {
  size_t n = 0;
  for (Out& out : queue_) {
    if (n + 2 > max) break;
    if (!out.sealed) {
      seal(out.head, ++sequence_, secret_);
      out.sealed = true;
    }
    const uint64_t in_head = std::min<uint64_t>(out.sent, out.head.size());
    if (in_head < out.head.size()) parts[n++] = {out.head.data() + in_head, out.head.size() - in_head};
    const uint64_t in_payload = out.sent - in_head;
    if (in_payload < out.length) {
      // sendmsg only reads.
      parts[n++] = {const_cast<uint8_t*>(out.payload) + in_payload, out.length - in_payload};
    }
  }
  return n;
}

Sender::Wrote Sender::write(int fd, const Loop& loop, const Began& began, uint64_t& bytes, uint64_t& frames) {
  for (uint64_t turn = 0; !queue_.empty() && turn < kTurnBytesMax;) {
    iovec parts[kPartsMax];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = gather(parts, kPartsMax);
    const uint64_t now_ns = loop.now_ns();
    const ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Wrote::some : Wrote::broken;
    bytes += static_cast<uint64_t>(n);
    turn += static_cast<uint64_t>(n);
    took(static_cast<uint64_t>(n), now_ns, began, frames);
  }
  return queue_.empty() ? Wrote::all : Wrote::some;
}

void Sender::took(uint64_t n, uint64_t now_ns, const Began& began, uint64_t& frames) {
  while (n > 0) {
    Out& out = queue_.front();
    if (out.sent == 0 && out.is_run) {
      in_flight_.push_back(out.run);
      began(out.run, now_ns);
    }
    const uint64_t part = std::min(n, out.size() - out.sent);
    out.sent += part;
    n -= part;
    if (out.sent < out.size()) break;
    ++frames;
    if (out.is_run) {
      --queued_runs_;
    } else {
      control_bytes_ -= out.head.size();
    }
    queue_.pop_front();
  }
}

void Sender::drop(const TicketId& ticket) {
  const auto going = [&](const Out& out) { return out.is_run && out.sent == 0 && out.run.ticket == ticket; };
  for (const Out& out : queue_) {
    if (!going(out)) continue;
    owed_bytes_ -= out.length;
    --queued_runs_;
  }
  // Sequences given to frames that have not begun are taken back, so that no gap appears.
  for (Out& out : queue_) {
    if (out.sealed && out.sent == 0) {
      out.sealed = false;
      --sequence_;
    }
  }
  std::erase_if(queue_, going);
}

std::optional<Run> Sender::acknowledged(const Ack& ack) {
  const auto it = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const Run& r) { return same_run(r, ack); });
  if (it == in_flight_.end()) return {};
  const Run run = *it;
  in_flight_.erase(it);
  owed_bytes_ -= run.length;
  return run;
}

}  // namespace baton::path::tcp
