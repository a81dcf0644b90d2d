#include "script/lanes.h"

#include <algorithm>
#include <utility>

namespace baton::script {

ScriptEndpoint::ScriptEndpoint(Network& network, Loop& loop, const LaneOptions& options, path::Sink& sink)
    : network_(network), loop_(loop), options_(options), sink_(sink) {
  network_.listening[options_.port] = this;
}

ScriptEndpoint::~ScriptEndpoint() {
  while (!live_.empty()) live_.begin()->second->close(!killed);
  network_.listening.erase(options_.port);
}

uint64_t ScriptEndpoint::dial(const std::string& node, const std::string&, uint16_t port, uint64_t incarnation) {
  return network_.dial(*this, node, port, incarnation).dialled().id();
}

path::Lane* ScriptEndpoint::find(uint64_t id) {
  const auto it = live_.find(id);
  return it != live_.end() && it->second->up() ? it->second : nullptr;
}

uint64_t ScriptEndpoint::peer_incarnation(uint64_t id) const {
  const auto it = live_.find(id);
  return it == live_.end() ? 0 : it->second->peer_incarnation;
}

void ScriptEndpoint::need(uint64_t id, bool needed) {
  const auto it = live_.find(id);
  if (it != live_.end()) it->second->need(needed);
}

void ScriptEndpoint::close(uint64_t id) {
  const auto it = live_.find(id);
  if (it != live_.end()) it->second->close(true);
}

path::EndpointStats ScriptEndpoint::stats() const {
  path::EndpointStats stats;
  stats.lanes.resets = resets_;
  stats.hello_refused = hello_refused;
  for (const auto& [id, end] : live_) stats.lanes_up += end->up();
  return stats;
}

std::unique_ptr<LaneEnd> ScriptEndpoint::new_end(const std::string& peer, uint64_t incarnation, Side side,
                                                 Carrier& carrier) {
  const uint64_t id = ++ids_;
  auto end = std::make_unique<LaneEnd>(id, peer, incarnation, side, options_, loop_, sink_, carrier);
  live_[id] = end.get();
  return end;
}

// One lane a direction and pair: what an earlier one may still deliver must not be mixed with this one's.
void ScriptEndpoint::coming_up(LaneEnd& end) {
  std::vector<LaneEnd*> earlier;
  for (const auto& [id, one] : live_) {
    if (one != &end && one->side == Side::listener && one->up() && one->peer() == end.peer()) earlier.push_back(one);
  }
  for (LaneEnd* one : earlier) one->end(Reason::lane_lost, true);
}

void ScriptEndpoint::ended(LaneEnd& end, bool reset) {
  if (reset) ++resets_;
  live_.erase(end.id());
}

Connection::Connection(Network& network, uint64_t number, ScriptEndpoint& from, const std::string& node, uint16_t port,
                       uint64_t incarnation)
    : id(number),
      dialler(from.options().node),
      listener(node),
      network_(network),
      loop_(from.loop()),
      from_(&from),
      port_(port),
      incarnation_(incarnation),
      dialled_(from.new_end(node, incarnation, Side::dialler, *this)) {
  timer_ = loop_.after(from.options().connect_ms * uint64_t{1'000'000}, [this] {
    timer_ = 0;
    lose();
  });
}

Connection::~Connection() { stop_timer(); }

void Connection::stop_timer() { loop_.cancel(std::exchange(timer_, 0)); }

Connection::State Connection::state() const {
  const bool dialler_ended = dialled_->stage == LaneEnd::Stage::ended;
  if (accepted_ == nullptr) return dialler_ended ? State::ended : State::dialling;
  return dialler_ended && accepted_->stage == LaneEnd::Stage::ended ? State::ended : State::up;
}

void Connection::connect() {
  if (state() != State::dialling) return;
  ScriptEndpoint* to = network_.at(port_);
  if (to == nullptr) return lose();
  stop_timer();
  const LaneOptions& there = to->options();
  if (there.node != listener || (incarnation_ != 0 && incarnation_ != there.incarnation)) {
    ++to->hello_refused;
    ++from_->hello_refused;
    return dialled_->end(Reason::lane_refused, false);
  }
  to_ = to;
  accepted_ = to->new_end(dialler, from_->options().incarnation, Side::listener, *this);
  dialled_->peer_incarnation = there.incarnation;
  dialled_->watch_silence();
  accepted_->watch_silence();
  dialled_->come_up();
}

void Connection::lose() {
  if (state() == State::dialling) dialled_->end(Reason::lane_lost, true);
}

uint32_t Connection::pending(Side to) const {
  if (!reaches(to)) return 0;
  uint32_t parts = 0;
  for (const Message& message : wire(to)) parts += message.kind == Kind::run && !message.begun ? 2 : 1;
  return parts;
}

bool Connection::deliver(Side to) {
  if (stalled || !reaches(to) || wire(to).empty()) return false;
  LaneEnd& end = *at(to);
  Message& next = wire(to).front();
  if (next.kind == Kind::run && !next.begun) {
    next.begun = true;
    const Message message = next;  // what the head leads to may end the connection
    end.head(message);
    return true;
  }
  const Message message = std::move(next);
  wire(to).pop_front();
  if (message.kind == Kind::run) {
    end.payload(message);
  } else if (message.kind != Kind::ready) {
    end.word(message);
  } else if (to == Side::listener && end.stage == LaneEnd::Stage::waiting) {
    to_->coming_up(end);
    end.come_up();
  }
  return true;
}

void Connection::cut(bool at_dialler, bool at_listener) {
  if (state() == State::dialling) return lose();
  for (auto& wire : wires_) wire.clear();
  if (at_dialler) dialled_->end(Reason::lane_lost, true);
  if (at_listener && accepted_ != nullptr) accepted_->end(Reason::lane_lost, true);
}

void Connection::clog(Side to, bool clogged) {
  if (LaneEnd* end = at(other(to))) end->clog(clogged);
}

bool Connection::spoil_next(Side to) {
  for (Message& message : wire(to)) {
    if (message.kind != Kind::run || message.begun) continue;
    ++message.bytes[message.run.length / message.run.stripe_count - 1];  // the last byte of the first stripe
    return true;
  }
  return false;
}

bool Connection::double_next(Side to) {
  auto& messages = wire(to);
  const auto next = std::find_if(messages.begin(), messages.end(), [](const Message& m) { return !m.begun; });
  if (next == messages.end() || next->kind == Kind::ready) return false;
  messages.insert(next, Message(*next));
  return true;
}

void Connection::send(Side from, Message message) {
  const Side to = other(from);
  const LaneEnd* end = at(to);
  if (end != nullptr && end->stage == LaneEnd::Stage::ended) return;
  network_.sent(*this, to, message);
  wire(to).push_back(std::move(message));
}

void Connection::ended(LaneEnd& end, bool reset) {
  stop_timer();
  wire(end.side).clear();
  ScriptEndpoint*& endpoint = end.side == Side::dialler ? from_ : to_;
  std::exchange(endpoint, nullptr)->ended(end, reset);
}

bool Connection::hears(Side side) {
  const LaneEnd* far = at(other(side));
  return !stalled && far != nullptr && far->stage != LaneEnd::Stage::ended;
}

LaneEnd* Connection::at(Side side) const { return side == Side::dialler ? dialled_.get() : accepted_.get(); }

bool Connection::reaches(Side to) const {
  const LaneEnd* end = at(to);
  return end != nullptr && end->stage != LaneEnd::Stage::ended;
}

Connection& Network::dial(ScriptEndpoint& from, const std::string& node, uint16_t port, uint64_t incarnation) {
  connections.push_back(std::make_unique<Connection>(*this, connections.size() + 1, from, node, port, incarnation));
  return *connections.back();
}

ScriptEndpoint* Network::at(uint16_t port) {
  const auto it = listening.find(port);
  return it == listening.end() ? nullptr : it->second;
}

}  // namespace baton::script
