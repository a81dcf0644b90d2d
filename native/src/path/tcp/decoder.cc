#include "path/tcp/decoder.h"

#include <algorithm>

namespace baton::path::tcp {
namespace {

// Read at once into a run's place: large enough for few system calls, small enough to be hashed from the L2 cache.
constexpr uint64_t kReceiveBytes = 256 << 10;
constexpr size_t kScratchBytes = 64 << 10;
// Asked for beyond a small frame. Whatever belongs to a payload after it is copied, so it is kept small.
constexpr size_t kAheadBytes = 4096;

Run run_of(const Frame& frame) {
  Run run;
  run.ticket = frame.ticket;
  run.epoch = frame.epoch;
  run.chunk = frame.chunk;
  run.stripe_first = frame.stripe_first;
  run.stripe_count = frame.stripe_count;
  run.length = frame.length;
  return run;
}

}  // namespace

Decoder::Decoder(Receiver& receiver, bool verify)
    : receiver_(receiver),
      verify_(verify),
      buffer_(limits::kLaneFrameHeadBytesMax + kAheadBytes),
      ahead_(kAheadBytes) {}

int Decoder::places(iovec out[2]) {
  if (!in_payload_) {
    size_t needed = kHeaderBytes;
    if (end_ >= kHeaderBytes) needed = head_bytes(buffer_.data());
    first_place_ = std::max(needed - end_, ahead_);
    out[0] = {buffer_.data() + end_, first_place_};
    return 1;
  }
  const uint64_t rest = run_.length - have_;
  if (place_.bytes == nullptr) {
    if (scratch_.empty()) scratch_.resize(kScratchBytes);
    first_place_ = std::min<uint64_t>(rest, scratch_.size());
    out[0] = {scratch_.data(), first_place_};
  } else {
    first_place_ = std::min(rest, kReceiveBytes);
    out[0] = {place_.bytes + have_, first_place_};
  }
  if (first_place_ < rest) return 1;
  // The next head comes along in the same call: runs of a stream mostly have heads of one length.
  out[1] = {buffer_.data(), ahead_};
  return 2;
}

bool Decoder::arrived(size_t n) {
  if (in_payload_) {
    const size_t payload = std::min(n, first_place_);
    payload_arrived(payload);
    n -= payload;
  }
  end_ += n;
  return heads();
}

// Takes every whole head out of the buffer. Between calls unread bytes stand at its beginning.
bool Decoder::heads() {
  while (!in_payload_ && end_ - begin_ >= kHeaderBytes) {
    const size_t length = head_bytes(buffer_.data() + begin_);
    if (length == 0) return false;
    if (end_ - begin_ < length) break;
    const std::span<const uint8_t> bytes(buffer_.data() + begin_, length);
    begin_ += length;
    if (!head(bytes)) return false;
    if (!in_payload_ || begin_ == end_) continue;
    const size_t n = std::min<uint64_t>(end_ - begin_, run_.length);
    if (place_.bytes != nullptr) std::memcpy(place_.bytes, buffer_.data() + begin_, n);
    begin_ += n;
    payload_arrived(n);
  }
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  return true;
}

bool Decoder::head(std::span<const uint8_t> bytes) {
  const std::optional<Frame> frame = decode(bytes, secret_);
  if (!frame || frame->sequence > sequence_ + 1) return false;  // forged or damaged; or something is missing
  duplicate_ = frame->sequence <= sequence_;
  if (duplicate_) ++stats_.duplicates;
  else ++sequence_;
  ++stats_.frames;
  ahead_ = frame->type == FrameType::run ? bytes.size() : kAheadBytes;
  if (frame->type != FrameType::run) return duplicate_ || receiver_.control(*frame);
  begin_run(*frame);
  return true;
}

void Decoder::begin_run(const Frame& frame) {
  in_payload_ = true;
  have_ = 0;
  run_ = run_of(frame);
  digests_.resize(frame.stripe_count);
  std::memcpy(digests_.data(), frame.body.data(), frame.body.size());
  run_.digests = digests_;
  place_ = duplicate_ ? Place{} : receiver_.place(run_);
  if (place_.bytes != nullptr) check_.begin(digests_, place_, run_.stripe_first, run_.length, verify_);
}

void Decoder::payload_arrived(size_t n) {
  have_ += n;
  if (place_.bytes != nullptr) check_.arrived(have_);
  else stats_.discarded_bytes += n;
  if (have_ == run_.length) finish_run();
}

void Decoder::finish_run() {
  in_payload_ = false;
  if (duplicate_) return;
  if (place_.bytes == nullptr) return receiver_.thrown_away(run_, place_.reason);
  receiver_.landed(run_, check_.right() ? Landing::ok : Landing::wrong_bytes);
}

void Decoder::forget(const TicketId& ticket) {
  if (!in_payload_ || duplicate_ || run_.ticket != ticket || place_.bytes == nullptr) return;
  place_.bytes = nullptr;
  place_.reason = Reason::ended_ticket;
}

}  // namespace baton::path::tcp
