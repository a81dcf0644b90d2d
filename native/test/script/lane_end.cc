#include "script/lane_end.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace baton::script {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;  // ns

bool same(const path::Run& a, const path::Run& b) {
  return a.ticket == b.ticket && a.epoch == b.epoch && a.chunk == b.chunk && a.stripe_first == b.stripe_first &&
         a.stripe_count == b.stripe_count;
}

}  // namespace

LaneEnd::LaneEnd(uint64_t id, std::string peer, uint64_t incarnation, Side which, const LaneOptions& options,
                 Loop& loop, path::Sink& sink, Carrier& carrier)
    : side(which),
      peer_incarnation(incarnation),
      id_(id),
      peer_(std::move(peer)),
      options_(options),
      loop_(loop),
      sink_(sink),
      carrier_(carrier),
      heard_ns_(loop.now_ns()) {}

LaneEnd::~LaneEnd() {
  loop_.cancel(write_timer_);
  loop_.cancel(silence_timer_);
}

void LaneEnd::come_up() {
  stage = Stage::up;
  if (side == Side::dialler) push({});
  sink_.up(id_, 0);
}

bool LaneEnd::announce(const path::Run& run) {
  if (!up()) return false;
  if (!room()) {
    starved_ = true;
    return false;
  }
  Message message;
  message.kind = Kind::run;
  message.run = run;
  message.digests.assign(run.digests.begin(), run.digests.end());
  push(std::move(message));
  return true;
}

void LaneEnd::acknowledge(const path::Run& run, path::Landing landing, Reason reason) {
  if (!up()) return;
  Message message;
  message.kind = Kind::ack;
  message.run = run;
  message.landing = landing;
  message.reason = reason;
  push(std::move(message));
}

void LaneEnd::cancel(const TicketId& ticket, uint32_t epoch, Reason reason, bool quiesced) {
  if (!up()) return;
  std::erase_if(queue_, [&](const Message& m) { return m.kind == Kind::run && !m.begun && m.run.ticket == ticket; });
  // The rest of a payload that is arriving is thrown away: after this nothing is written to its place.
  if (arriving_ && arriving_->first.ticket == ticket && arriving_->second.bytes != nullptr) {
    arriving_->second.bytes = nullptr;
    arriving_->second.reason = Reason::ended_ticket;
  }
  Message message;
  message.kind = quiesced ? Kind::quiesced : Kind::cancel;
  message.run.ticket = ticket;
  message.run.epoch = epoch;
  message.reason = reason;
  push(std::move(message));
}

void LaneEnd::head(const Message& message) {
  heard_ns_ = loop_.now_ns();
  path::Run run = message.run;
  run.digests = message.digests;
  run.bytes = nullptr;
  path::Place place;
  place.reason = Reason::malformed;
  if (up()) place = sink_.place(id_, run);
  arriving_.emplace(run, place);
}

void LaneEnd::payload(const Message& message) {
  heard_ns_ = loop_.now_ns();
  if (!arriving_) return;
  auto [run, place] = *std::exchange(arriving_, std::nullopt);
  run.digests = message.digests;
  if (place.bytes == nullptr) {
    return acknowledge(run, place.reason == Reason::none ? path::Landing::ok : path::Landing::refused, place.reason);
  }
  std::memcpy(place.bytes, message.bytes.data(), run.length);
  check_.begin(run.digests, place, run.stripe_first, run.length, options_.verify);
  check_.arrived(run.length);
  const path::Landing landing = check_.right() ? path::Landing::ok : path::Landing::wrong_bytes;
  sink_.landed(id_, run, landing);
  acknowledge(run, landing, Reason::none);
}

void LaneEnd::word(const Message& message) {
  heard_ns_ = loop_.now_ns();
  if (!up()) return;
  if (message.kind != Kind::ack) {
    return sink_.cancelled(id_, message.run.ticket, message.run.epoch, message.reason, message.kind == Kind::quiesced);
  }
  // A verdict on nothing in flight is late or invented; either way it completes nothing.
  const auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                               [&](const path::Run& run) { return same(run, message.run); });
  if (it != in_flight_.end()) {
    const path::Run run = *it;
    in_flight_.erase(it);
    sink_.acknowledged(id_, run, message.landing, message.reason);
  }
  tell_writable();
}

void LaneEnd::clog(bool clogged) {
  clogged_ = clogged;
  if (up()) write_soon();
}

void LaneEnd::need(bool needed) {
  if (needed && !needed_) heard_ns_ = loop_.now_ns();
  needed_ = needed;
}

// While it is needed and hears nothing, it ends after the silence that is allowed.
void LaneEnd::watch_silence() {
  const uint64_t silence = options_.silence_ms * kMillisecond;
  silence_timer_ = loop_.after(silence / 4, [this, silence] {
    if (carrier_.hears(side)) heard_ns_ = loop_.now_ns();
    if (needed_ && loop_.now_ns() - heard_ns_ >= silence) end(Reason::lane_lost, true);
    else watch_silence();
  });
}

void LaneEnd::end(Reason reason, bool retryable) {
  if (stage == Stage::ended) return;
  const bool was_up = up();
  over(was_up);
  if (was_up || side == Side::dialler) sink_.down(id_, reason, retryable);
}

void LaneEnd::close(bool flush) {
  if (stage == Stage::ended) return;
  if (flush && up() && !clogged_) {
    for (Message& message : queue_) carry(std::move(message));
  }
  over(false);
}

void LaneEnd::over(bool reset) {
  stage = Stage::ended;
  loop_.cancel(std::exchange(write_timer_, 0));
  loop_.cancel(std::exchange(silence_timer_, 0));
  arriving_.reset();
  carrier_.ended(*this, reset);
}

bool LaneEnd::room() const {
  const auto queued = std::count_if(queue_.begin(), queue_.end(), [](const Message& m) { return m.kind == Kind::run && !m.begun; });
  return in_flight_.size() + static_cast<size_t>(queued) < options_.window;
}

void LaneEnd::push(Message message) {
  queue_.push_back(std::move(message));
  write_soon();
}

// At the end of this turn, so that all that is said in one turn goes out together.
void LaneEnd::write_soon() {
  if (write_timer_ != 0) return;
  write_timer_ = loop_.after(0, [this] {
    write_timer_ = 0;
    write();
  });
}

void LaneEnd::write() {
  if (clogged_) {
    if (!queue_.empty()) begin(queue_.front());
    return;
  }
  for (Message& message : std::exchange(queue_, {})) {
    carry(message);
    begin(message);
  }
  tell_writable();
}

// Its first byte has gone out: from now on it waits for its verdict.
void LaneEnd::begin(Message& message) {
  if (message.kind != Kind::run || std::exchange(message.begun, true)) return;
  in_flight_.push_back(message.run);
  sink_.sending(id_, message.run, loop_.now_ns());
}

void LaneEnd::carry(Message message) {
  message.begun = false;
  if (message.kind == Kind::run) message.bytes.assign(message.run.bytes, message.run.bytes + message.run.length);
  carrier_.send(side, std::move(message));
}

void LaneEnd::tell_writable() {
  if (!starved_ || !room()) return;
  starved_ = false;
  sink_.writable(id_);
}

}  // namespace baton::script
