#include "path/tcp/connection.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "path/tcp/socket.h"

namespace baton::path::tcp {
namespace {

constexpr uint32_t kClockSamples = 5;
constexpr uint64_t kReadTurnBytesMax = 16u << 20;  // then other descriptors have their turn
constexpr uint64_t kMillisecond = 1'000'000;       // ns

}  // namespace

Connection::Connection(uint64_t id, int fd, bool dialled, Handshake handshake, Loop& loop, const Options& options,
                       Sink& sink, ConnectionOwner& owner)
    : id_(id),
      fd_(fd),
      dialled_(dialled),
      stage_(dialled ? Stage::connecting : Stage::hello),
      handshake_(std::move(handshake)),
      loop_(loop),
      options_(options),
      sink_(sink),
      owner_(owner),
      decoder_(*this, options.verify) {}

Connection::~Connection() { release(); }

void Connection::start() {
  hello_timer_ = loop_.after(options_.connect_ms * kMillisecond, [this] {
    hello_timer_ = 0;
    end(Reason::lane_lost, true);
  });
  if (fd_ < 0) {  // could not even begin to connect; told from the loop like every end
    loop_.cancel(hello_timer_);
    hello_timer_ = loop_.after(0, [this] {
      hello_timer_ = 0;
      end(Reason::lane_lost, true);
    });
    return;
  }
  loop_.watch(fd_, dialled_ ? EPOLLOUT : EPOLLIN, [this](uint32_t events) { on_event(events); });
}

void Connection::on_event(uint32_t events) {
  if (stage_ == Stage::connecting) {
    if (!connected(fd_)) return end(Reason::lane_lost, true);
    stage_ = Stage::hello;
    loop_.rewatch(fd_, EPOLLIN);
    return say_hello();
  }
  if (stage_ == Stage::hello) return say_hello();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read();
  if (stage_ != Stage::ended && (events & EPOLLOUT)) write();
}

void Connection::say_hello() {
  switch (handshake_.step(fd_)) {
    case Handshake::Step::more: return;
    case Handshake::Step::broken: return end(Reason::lane_lost, true);
    case Handshake::Step::refused:
      owner_.refused(*this);
      if (handshake_.refusal() == Refusal::busy) return end(Reason::lane_lost, true);
      return end(Reason::lane_refused, false);
    case Handshake::Step::done: return established();
  }
}

void Connection::established() {
  stage_ = Stage::clock;
  authenticated_ = true;
  decoder_.start(handshake_.receive_secret());
  sender_.start(handshake_.send_secret());
  owner_.authenticated(*this);
  if (dialled_) ping();
}

void Connection::come_up(int64_t clock_offset_ns) {
  loop_.cancel(std::exchange(hello_timer_, 0));
  stage_ = Stage::up;
  heard_ns_ = loop_.now_ns();
  owner_.coming_up(*this);
  sink_.up(id_, clock_offset_ns);
}

void Connection::read() {
  heard_ns_ = loop_.now_ns();
  for (uint64_t turn = 0; turn < kReadTurnBytesMax;) {
    iovec places[2];
    const int count = decoder_.places(places);
    const size_t asked = places[0].iov_len + (count == 2 ? places[1].iov_len : 0);
    const ssize_t n = readv(fd_, places, count);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n <= 0) return end(Reason::lane_lost, true);
    stats_.bytes_in += static_cast<uint64_t>(n);
    turn += static_cast<uint64_t>(n);
    if (!decoder_.arrived(static_cast<size_t>(n))) {
      ++stats_.bad_frames;
      return end(Reason::lane_lost, true);
    }
    if (stage_ == Stage::ended) return;
    if (static_cast<size_t>(n) < asked) break;  // the socket is empty
  }
  put_acks();
  if (!sender_.empty()) write();
}

void Connection::write() {
  if (sender_.control_bytes() > limits::kLaneControlBytesMax) return end(Reason::lane_lost, true);
  const auto began = [this](const Run& run, uint64_t now_ns) { sink_.sending(id_, run, now_ns); };
  switch (sender_.write(fd_, loop_, began, stats_.bytes_out, stats_.frames_out)) {
    case Sender::Wrote::all: loop_.rewatch(fd_, EPOLLIN); break;
    case Sender::Wrote::some: loop_.rewatch(fd_, EPOLLIN | EPOLLOUT); break;
    case Sender::Wrote::broken: return end(Reason::lane_lost, true);
  }
  tell_writable();
}

// At the end of this turn, so that all that is announced in one turn goes out together.
void Connection::write_soon() {
  if (write_timer_ != 0) return;
  write_timer_ = loop_.after(0, [this] {
    write_timer_ = 0;
    put_acks();
    write();
  });
}

void Connection::tell_writable() {
  if (!starved_ || !sender_.room()) return;
  starved_ = false;
  sink_.writable(id_);
}

bool Connection::announce(const Run& run) {
  if (stage_ != Stage::up) return false;
  if (!sender_.room()) {
    starved_ = true;
    return false;
  }
  sender_.push_run(run);
  write_soon();
  return true;
}

void Connection::acknowledge(const Run& run, Landing landing, Reason reason) {
  if (stage_ != Stage::up) return;
  encode_ack({run.ticket, run.epoch, run.chunk, run.stripe_first, run.stripe_count, landing, reason}, acks_);
  if (acks_.size() >= kAcksMax * kAckBytes) put_acks();
  write_soon();
}

void Connection::put_acks() {
  if (acks_.empty()) return;
  sender_.push(FrameType::ack, {}, 0, acks_);
  acks_.clear();
}

void Connection::cancel(const TicketId& ticket, uint32_t epoch, Reason reason, bool quiesced) {
  if (stage_ != Stage::up) return;
  sender_.drop(ticket);
  decoder_.forget(ticket);
  std::vector<uint8_t> body;
  put(body, static_cast<uint32_t>(reason));
  sender_.push(quiesced ? FrameType::quiesced : FrameType::cancel, ticket, epoch, body);
  write_soon();
}

LaneStats Connection::stats() const {
  LaneStats stats = stats_;
  stats.frames_in = decoder_.stats().frames;
  stats.duplicates = decoder_.stats().duplicates;
  stats.discarded_bytes = decoder_.stats().discarded_bytes;
  return stats;
}

void Connection::need(bool needed) {
  if (needed == needed_) return;
  needed_ = needed;
  loop_.cancel(std::exchange(beat_timer_, 0));
  if (!needed || stage_ == Stage::ended) return;
  heard_ns_ = loop_.now_ns();
  beat();
}

void Connection::beat() {
  const uint64_t silence = options_.silence_ms * kMillisecond, period = silence / 4;
  const uint64_t quiet = loop_.now_ns() - heard_ns_;
  if (stage_ == Stage::up) {
    if (quiet >= silence) return end(Reason::lane_lost, true);
    if (quiet >= period) ping();
  }
  beat_timer_ = loop_.after(period, [this] {
    beat_timer_ = 0;
    beat();
  });
}

void Connection::ping() {
  std::vector<uint8_t> body;
  put(body, loop_.now_ns());
  sender_.push(FrameType::ping, {}, 0, body);
  write_soon();
}

Place Connection::place(const Run& run) {
  if (stage_ == Stage::up) return sink_.place(id_, run);
  Place nowhere;
  nowhere.reason = Reason::malformed;
  return nowhere;
}

void Connection::landed(const Run& run, Landing landing) {
  if (stage_ == Stage::ended) return;
  sink_.landed(id_, run, landing);
  acknowledge(run, landing, Reason::none);
}

void Connection::thrown_away(const Run& run, Reason reason) {
  acknowledge(run, reason == Reason::none ? Landing::ok : Landing::refused, reason);
}

bool Connection::control(const Frame& frame) {
  if (stage_ == Stage::ended) return true;
  switch (frame.type) {
    case FrameType::ping: {
      std::vector<uint8_t> body(frame.body.begin(), frame.body.end());
      put(body, loop_.now_ns());
      sender_.push(FrameType::pong, {}, 0, body);
      return true;
    }
    case FrameType::pong: return on_pong(frame.body);
    case FrameType::ready: return on_ready(frame.body);
    case FrameType::ack: return on_ack(frame.body);
    case FrameType::cancel:
    case FrameType::quiesced: {
      const auto reason = get<uint32_t>(frame.body.data());
      if (stage_ != Stage::up || reason > static_cast<uint32_t>(Reason::busy)) return false;
      const bool quiesced = frame.type == FrameType::quiesced;
      sink_.cancelled(id_, frame.ticket, frame.epoch, static_cast<Reason>(reason), quiesced);
      return true;
    }
    default: return false;
  }
}

bool Connection::on_pong(std::span<const uint8_t> body) {
  const auto sent = get<uint64_t>(body.data()), now = loop_.now_ns();
  if (sent > now) return false;
  if (stage_ != Stage::clock) return true;  // a heartbeat: that it came is all
  if (!dialled_) return false;
  clock_.sample(sent, get<uint64_t>(body.data() + 8), now);
  if (clock_.samples() < kClockSamples) {
    ping();
    return true;
  }
  std::vector<uint8_t> offset;
  put(offset, clock_.offset_ns());
  sender_.push(FrameType::ready, {}, 0, offset);
  write_soon();
  come_up(clock_.offset_ns());
  return true;
}

bool Connection::on_ready(std::span<const uint8_t> body) {
  if (dialled_ || stage_ != Stage::clock) return false;
  const auto dialler_offset = get<uint64_t>(body.data());
  come_up(static_cast<int64_t>(0 - dialler_offset));
  return true;
}

bool Connection::on_ack(std::span<const uint8_t> body) {
  for (size_t at = 0; at < body.size(); at += kAckBytes) {
    const std::optional<Ack> ack = decode_ack(body.subspan(at, kAckBytes));
    if (!ack) return false;
    // A verdict on nothing in flight is late or invented; either way it completes nothing.
    const std::optional<Run> run = sender_.acknowledged(*ack);
    if (run) sink_.acknowledged(id_, *run, ack->landing, ack->reason);
    if (stage_ == Stage::ended) return true;
  }
  tell_writable();
  return true;
}

void Connection::release() {
  for (uint64_t* timer : {&write_timer_, &beat_timer_, &hello_timer_}) loop_.cancel(std::exchange(*timer, 0));
  if (fd_ < 0) return;
  loop_.unwatch(fd_);
  ::close(std::exchange(fd_, -1));
}

void Connection::end(Reason reason, bool retryable) {
  if (stage_ == Stage::ended) return;
  const bool was_up = stage_ == Stage::up;
  if (was_up) ++stats_.resets;
  stage_ = Stage::ended;
  release();
  owner_.ended(*this);
  if (was_up || dialled_) sink_.down(id_, reason, retryable);
}

void Connection::close() {
  if (stage_ == Stage::ended) return;
  if (stage_ == Stage::up) {
    put_acks();
    sender_.write(fd_, loop_, [](const Run&, uint64_t) {}, stats_.bytes_out, stats_.frames_out);
  }
  stage_ = Stage::ended;
  release();
  owner_.ended(*this);
}

}  // namespace baton::path::tcp
