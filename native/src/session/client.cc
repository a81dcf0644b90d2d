#include "session/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "base/limits.h"

namespace baton::session {
namespace {

using Time = std::chrono::steady_clock;

constexpr size_t kReadBytes = 64u << 10;
constexpr int kReadsPerCall = 32;  // a service that never stops talking cannot hold a caller

// Whole milliseconds, rounded up, so that a wait never ends just before its deadline.
int remaining_ms(Time::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Time::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

std::string sentence(int status, uint32_t timeout_ms) {
  if (status == BATON_ERR_TIMEOUT) {
    return "the transfer service did not answer within " + std::to_string(timeout_ms) +
           " ms: look at its log";
  }
  if (status == BATON_ERR_PROTOCOL || status == BATON_ERR_VERSION) {
    return "the transfer service answered what this libbaton does not understand: install the same Baton on "
           "both";
  }
  return "the transfer service ended the session before it answered: look at its log";
}

}  // namespace

Client::Client(Fd fd, uint32_t timeout_ms) : fd_(std::move(fd)), timeout_(timeout_ms), scratch_(kReadBytes) {}

Client::Attachment Client::attach(const std::string& path, const Attach& attach, uint32_t timeout_ms) {
  Attachment result;
  Fd fd = connect_to(path, timeout_ms, result.error);
  if (!fd) return result;
  std::unique_ptr<Client> client(new Client(std::move(fd), timeout_ms));
  client->passed_ = &result.arena;
  result.status = client->call(attach, result.answer);
  client->passed_ = nullptr;
  if (result.status == BATON_OK) result.status = result.answer.status;
  if (result.status == BATON_OK && result.answer.abi != BATON_ABI_VERSION) result.status = BATON_ERR_VERSION;
  if (result.status > BATON_OK || (result.status == BATON_OK && !result.arena))
    result.status = BATON_ERR_PROTOCOL;
  if (result.status == BATON_OK) {
    result.client = std::move(client);
  } else {
    result.error =
        result.answer.message.empty() ? sentence(result.status, timeout_ms) : result.answer.message;
  }
  return result;
}

int Client::accept(const Accept& request, Accepted& answer) {
  const int rc = call(request, answer);
  return rc == BATON_OK ? answer.status : rc;
}

int Client::fill(const Fill& request, Slot& answer) {
  const int rc = call(request, answer);
  return rc == BATON_OK ? answer.status : rc;
}

int Client::claim(const Claim& request, Claimed& answer) {
  const int rc = call(request, answer);
  return rc == BATON_OK ? answer.status : rc;
}

int Client::poll(const TicketId& ticket) {
  {
    const std::lock_guard lock(mutex_);
    if (!busy_) read();  // else the thread that waits for its answer does
    if (closed()) return BATON_ERR_CLOSED;
    if (const auto code = watched_.code(ticket)) return *code;
    if (const auto forgotten = watched_.add(ticket)) queue({0, Forget{*forgotten}});
  }
  Ticket answer{};
  int rc = call(Watch{ticket}, answer);
  if (rc == BATON_OK && answer.ticket != ticket) rc = BATON_ERR_PROTOCOL;
  if (rc == BATON_OK) rc = code_of(answer);
  // A ticket that this service does not know yet, or not for us, may become ours: ask again next time.
  const std::lock_guard lock(mutex_);
  if (rc < 0 && rc != BATON_ERR_ENDED) watched_.remove(ticket);
  return rc;
}

void Client::forget(const TicketId& ticket) {
  const std::lock_guard lock(mutex_);
  if (!watched_.holds(ticket)) return;
  watched_.remove(ticket);
  queue({0, Forget{ticket}});
}

int Client::post(Message message) {
  const std::lock_guard lock(mutex_);
  if (closed()) return BATON_ERR_CLOSED;
  queue({0, std::move(message)});
  return closed() ? BATON_ERR_CLOSED : BATON_OK;
}

bool Client::alive() {
  const std::lock_guard lock(mutex_);
  if (!busy_) read();
  return !closed();
}

ClientStats Client::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

template <class Answer>
int Client::call(Message request, Answer& answer) {
  Message message;
  const int rc = exchange(std::move(request), message);
  if (rc != BATON_OK) return rc;
  if (auto* expected = std::get_if<Answer>(&message)) {
    answer = std::move(*expected);
    return BATON_OK;
  }
  const auto* failed = std::get_if<Failed>(&message);
  if (failed && failed->status < 0) return failed->status;
  const std::lock_guard lock(mutex_);
  return close(BATON_ERR_PROTOCOL);
}

int Client::exchange(Message request, Message& answer) {
  const auto deadline = Time::now() + timeout_;
  std::unique_lock lock(mutex_);
  ++stats_.rpcs;
  if (!turn_.wait_until(lock, deadline, [&] { return !busy_ || closed(); })) {
    ++stats_.rpc_timeouts;
    return BATON_ERR_TIMEOUT;
  }
  if (closed()) return BATON_ERR_CLOSED;
  busy_ = true;
  do {
    ++last_request_;
  } while (last_request_ == 0 || unanswered_.contains(last_request_));
  const uint32_t request_id = expected_ = last_request_;
  answer_.reset();
  queue({request_id, std::move(request)});
  for (;;) {
    read();
    if (answer_ || closed()) break;
    const int wait_ms = remaining_ms(deadline);
    if (wait_ms == 0) break;
    pollfd ready{fd_.get(), static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    lock.unlock();
    ::poll(&ready, 1, wait_ms);
    lock.lock();
  }
  expected_ = 0;
  busy_ = false;
  turn_.notify_one();
  if (answer_) {
    answer = std::move(*answer_);
    return BATON_OK;
  }
  if (closed()) return why_closed_;
  ++stats_.rpc_timeouts;
  unanswered_.insert(request_id);
  if (unanswered_.size() > limits::kSessionUnansweredMax) return close(BATON_ERR_CLOSED);
  return BATON_ERR_TIMEOUT;
}

void Client::queue(const Frame& frame) {
  if (closed()) return;
  encode(frame, out_.tail());
  flush();
  // A service that no longer reads is gone: its engine must not fill memory for it.
  if (out_.size() > limits::kSessionSendBytesMax) close(BATON_ERR_CLOSED);
}

void Client::flush() {
  if (!closed() && out_.flush(fd_.get()) == Io::ended) close(BATON_ERR_CLOSED);
}

void Client::read() {
  flush();
  for (int i = 0; i < kReadsPerCall && !closed(); ++i) {
    size_t n = 0;
    const Io io = receive(fd_.get(), scratch_, n, passed_);
    if (io == Io::blocked) return;
    in_.insert(in_.end(), scratch_.begin(), scratch_.begin() + static_cast<ptrdiff_t>(n));
    size_t used = 0;
    while (!closed()) {
      Decoded decoded = decode(std::span<const uint8_t>(in_).subspan(used));
      if (decoded.malformed) close(BATON_ERR_PROTOCOL);
      if (!decoded.frame) break;
      used += decoded.consumed;
      handle(std::move(*decoded.frame));
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(used));
    if (io == Io::ended) close(BATON_ERR_CLOSED);
  }
}

void Client::handle(Frame&& frame) {
  const auto* ticket = std::get_if<Ticket>(&frame.message);
  if (ticket && watched_.note(*ticket) && frame.request == 0) return;
  if (frame.request != 0 && frame.request == expected_) {
    expected_ = 0;
    answer_ = std::move(frame.message);
  } else if (frame.request == 0 && ticket) {
    ++stats_.late_messages;  // pushed before our `forget` arrived there
  } else if (unanswered_.erase(frame.request) == 1) {
    ++stats_.late_messages;
    give_back(frame.message);
  } else {
    close(BATON_ERR_PROTOCOL);
  }
}

// Nobody waits for this answer any more, so what it grants must not stay granted.
void Client::give_back(const Message& message) {
  if (const auto* slot = std::get_if<Slot>(&message); slot && slot->status == BATON_OK) {
    queue({0, Abandon{slot->slot, slot->generation, slot->fill}});
  } else if (const auto* claimed = std::get_if<Claimed>(&message); claimed && claimed->claim != 0) {
    queue({0, Release{claimed->claim}});
  } else if (const auto* ticket = std::get_if<Ticket>(&message); ticket && !watched_.holds(ticket->ticket)) {
    queue({0, Forget{ticket->ticket}});
  }
}

int Client::close(int why) {
  if (!closed()) {
    why_closed_ = why;
    closed_.store(true, std::memory_order_release);
    // Wakes who waits here. Not for writing: the service would take that for the end of this process's
    // copies.
    ::shutdown(fd_.get(), SHUT_RD);
    turn_.notify_all();
  }
  return why;
}

}  // namespace baton::session
