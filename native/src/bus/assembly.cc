#include "bus/assembly.h"

#include <utility>

#include "base/limits.h"
#include "bus/arrivals.h"
#include "bus/engines.h"
#include "bus/fills.h"
#include "bus/lanes.h"
#include "bus/tickets.h"
#include "bus/traffic.h"

namespace baton {

Assembly::Assembly(const BusOptions& options, Surroundings outside, std::function<void()> wake)
    : options_(options), outside_(std::move(outside)), mailbox_(std::move(wake)) {}

Assembly::~Assembly() {
  outside_.loop.cancel(publish_timer_);
  outside_.loop.cancel(reap_timer_);
}

bool Assembly::start(std::string& error) {
  arena_ = Arena::open(options_.arena, error, outside_.processes);
  if (!arena_) return false;
  incarnation_ = arena_->incarnation();
  parts_.emplace(options_, outside_.loop, *arena_, mailbox_, outside_.epoch, [this] { publish_soon(); });
  tickets_ = std::make_unique<Tickets>(*parts_);
  fills_ = std::make_unique<Fills>(*parts_);
  engines_ = std::make_unique<Engines>(*parts_);
  lanes_ = std::make_unique<Lanes>(*parts_);
  arrivals_ = std::make_unique<Arrivals>(*parts_);
  traffic_ = std::make_unique<Traffic>(*lanes_, *arrivals_);
  parts_->tickets = tickets_.get();
  parts_->fill_table = fills_.get();
  parts_->engines = engines_.get();
  parts_->lanes = lanes_.get();
  parts_->arrivals = arrivals_.get();
  endpoint_ = outside_.endpoint(*traffic_, incarnation_, error);
  if (!endpoint_) return false;
  parts_->endpoint = endpoint_.get();
  port_ = endpoint_->port();
  server_ = outside_.server(*engines_, arena_->fd(), error);
  if (!server_) return false;
  engines_->serve(server_.get());
  reap_soon();  // what was taken over may be quiescing
  return true;
}

void Assembly::publish_soon() {
  if (publish_timer_ != 0) return;
  publish_timer_ = outside_.loop.after(0, [this] { publish(); });
}

void Assembly::publish() {
  outside_.loop.cancel(std::exchange(publish_timer_, 0));
  tickets_->publish();
  bool lost = false;
  std::vector<Arena::Event> events = arena_->take_events(lost);
  mailbox_.chunks(std::move(events), lost);
  mailbox_.tell();
  reap_soon();
}

void Assembly::owe_chunks() {
  mailbox_.chunks({}, true);
  publish_soon();
}

// Slots that wait for a process to end are looked at as long as there are any. Whatever makes a slot wait publishes.
void Assembly::reap_soon() {
  if (reap_timer_ != 0 || closed_ || arena_->stats().quiescing == 0) return;
  reap_timer_ = outside_.loop.after(uint64_t{limits::kQuiescingCheckMs} * 1'000'000, [this] {
    reap_timer_ = 0;
    arena_->reap();
    reap_soon();
  });
}

BusCounters Assembly::counters() const {
  BusCounters out = parts_->counters;
  const path::EndpointStats lanes = endpoint_->stats();
  out.lane_bytes_out = lanes.lanes.bytes_out;
  out.lane_bytes_in = lanes.lanes.bytes_in;
  out.lane_resets = lanes.lanes.resets;
  out.lane_bad_frames = lanes.lanes.bad_frames;
  out.lane_duplicates = lanes.lanes.duplicates;
  out.lane_discarded_bytes = lanes.lanes.discarded_bytes;
  out.lane_hello_refused = lanes.hello_refused;
  out.lanes_up = lanes.lanes_up;
  out.session_malformed = server_->stats().malformed;
  out.arena = arena_->stats();
  return out;
}

void Assembly::close(const std::function<void(const BusCounters&)>& counted) {
  closed_ = true;
  outside_.loop.cancel(reap_timer_);
  tickets_->stop();
  publish();
  counted(counters());
  engines_->serve(nullptr);
  server_.reset();
  publish();
  endpoint_.reset();
  arrivals_.reset();
  lanes_.reset();
  fills_.reset();
  tickets_.reset();
  engines_.reset();
  arena_.reset();
  outside_.loop.cancel(std::exchange(publish_timer_, 0));
}

}  // namespace baton
