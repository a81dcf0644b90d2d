#include "bus/bus.h"

#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "bus/arrivals.h"
#include "bus/engines.h"
#include "bus/fills.h"
#include "bus/lanes.h"
#include "bus/mailbox.h"
#include "bus/tickets.h"
#include "bus/traffic.h"
#include "path/tcp/endpoint.h"

namespace baton {
namespace {

constexpr auto kAnswerWithin = std::chrono::milliseconds(100);  // of the thread, when it is asked for a snapshot

path::tcp::Options lane_options(const BusOptions& options, uint64_t incarnation) {
  path::tcp::Options lane;
  lane.node = options.node;
  lane.incarnation = incarnation;
  lane.keys = options.cluster_keys;
  lane.host = options.lane_host;
  lane.port = options.lane_port;
  lane.silence_ms = options.lane_silence_ms;
  lane.connect_ms = options.lane_connect_ms;
  lane.verify = options.verify;
  return lane;
}

std::string refusal(const BusOptions& options) {
  if (options.cluster_keys.size() > 2) return "at most two cluster keys are valid at a time";
  for (const auto& key : options.cluster_keys) {
    if (key.size() < 32) return "a cluster key needs at least 32 bytes";
  }
  if (options.lane_silence_ms < 4) return "lane silence must be at least 4 ms";
#ifndef BATON_TEST_HOOKS
  if (!options.verify) return "verification cannot be switched off in this build (BATON_TEST_HOOKS)";
#endif
  return {};
}

class ThreadedBus final : public Bus {
 public:
  ThreadedBus(const BusOptions& options, std::function<void()> wake)
      : options_(options), mailbox_(std::move(wake)), loop_(Loop::create()) {}

  ~ThreadedBus() override { stop(); }

  // Everything is made on the caller's thread, before the bus's own begins.
  bool start(std::string& error) {
    error = refusal(options_);
    if (!error.empty()) return false;
    arena_ = Arena::open(options_.arena, error);
    if (!arena_) return false;
    incarnation_ = arena_->incarnation();
    parts_.emplace(options_, *loop_, *arena_, mailbox_, [this] { publish_soon(); });
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
    endpoint_ = path::tcp::Endpoint::listen(*loop_, lane_options(options_, incarnation_), *traffic_, error);
    if (!endpoint_) return false;
    parts_->endpoint = endpoint_.get();
    port_ = endpoint_->port();
    server_ = session::Server::listen(*loop_, options_.socket_path, arena_->fd(), *engines_, error);
    if (!server_) return false;
    engines_->serve(server_.get());
    reap_soon();  // what was taken over may be quiescing
    thread_ = std::thread([this] { loop_->run(); });
    return true;
  }

  uint64_t incarnation() const override { return incarnation_; }
  uint16_t lane_port() const override { return port_; }

  void open(OpenTicket request) override {
    post([this, request = std::move(request)] { tickets_->open(request); });
  }
  void expect(ExpectTicket request) override {
    post([this, request = std::move(request)] { tickets_->expect(request); });
  }
  void abort(const TicketId& ticket, Reason reason) override {
    const bool known = reason <= Reason::busy;  // what goes over a lane must be a reason there too
    post([this, ticket, r = known ? reason : Reason::malformed] { tickets_->abort(ticket, r); });
  }
  void renew(const TicketId& ticket, uint32_t lease_ms) override {
    post([this, ticket, lease_ms] { tickets_->renew(ticket, lease_ms); });
  }
  void settle(const TicketId& ticket) override {
    post([this, ticket] { tickets_->settle(ticket); });
  }
  void refuse_new() override {
    post([this] { tickets_->refuse_new(); });
  }

  Drained drain() override { return mailbox_.drain(); }
  std::vector<TicketView> list_tickets() override { return mailbox_.live_tickets(); }
  std::vector<AttachmentEvent> list_attachments() override { return mailbox_.attachments(); }

  std::vector<Arena::Event> list_chunks() override {
    auto answer = ask<std::vector<Arena::Event>>([this] { return arena_->list(); });
    if (answer) return std::move(*answer);
    post([this] { mailbox_.chunks({}, true); publish_soon(); });  // the list is owed
    return {};
  }

  BusCounters counters() override {
    if (auto answer = ask<BusCounters>([this] { return count(); })) {
      const std::lock_guard lock(mutex_);
      last_counters_ = *answer;
    }
    const std::lock_guard lock(mutex_);
    return last_counters_;
  }

  void stop() override {
    const std::lock_guard stopping(stop_mutex_);
    if (!thread_.joinable()) return;
    loop_->post([this] { close(); });
    thread_.join();
  }

 private:
  void post(std::function<void()> work) {
    loop_->post([this, work = std::move(work)] {
      if (!closed_) work();
    });
  }

  // Nothing when the thread does not answer in time or has ended.
  template <class T>
  std::optional<T> ask(std::function<T()> question) {
    const auto promise = std::make_shared<std::promise<T>>();
    std::future<T> answer = promise->get_future();
    {
      const std::lock_guard stopping(stop_mutex_);
      if (!thread_.joinable()) return {};
      post([promise, question = std::move(question)] { promise->set_value(question()); });
    }
    if (answer.wait_for(kAnswerWithin) != std::future_status::ready) return {};
    try {
      return answer.get();
    } catch (const std::future_error&) {  // closed before it was asked
      return {};
    }
  }

  void publish_soon() {
    if (std::exchange(publishing_, true)) return;
    loop_->after(0, [this] { publish(); });
  }

  void publish() {
    publishing_ = false;
    tickets_->publish();
    bool lost = false;
    std::vector<Arena::Event> events = arena_->take_events(lost);
    mailbox_.chunks(std::move(events), lost);
    mailbox_.tell();
    reap_soon();
  }

  // Slots that wait for a process to end are looked at as long as there are any. Whatever makes a slot wait publishes.
  void reap_soon() {
    if (reap_timer_ != 0 || closed_ || arena_->stats().quiescing == 0) return;
    reap_timer_ = loop_->after(uint64_t{limits::kQuiescingCheckMs} * 1'000'000, [this] {
      reap_timer_ = 0;
      arena_->reap();
      reap_soon();
    });
  }

  BusCounters count() {
    BusCounters out = parts_->counters;
    const path::tcp::EndpointStats lanes = endpoint_->stats();
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

  // On the bus's thread. Ends everything in the order in which it depends on each other, the arena last.
  void close() {
    closed_ = true;
    loop_->cancel(reap_timer_);
    tickets_->stop();
    publish();
    {
      const std::lock_guard lock(mutex_);
      last_counters_ = count();
    }
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
    loop_->stop();
  }

  const BusOptions options_;
  Mailbox mailbox_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Arena> arena_;
  std::optional<Parts> parts_;
  std::unique_ptr<Tickets> tickets_;
  std::unique_ptr<Fills> fills_;
  std::unique_ptr<Engines> engines_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<Arrivals> arrivals_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<path::tcp::Endpoint> endpoint_;
  std::unique_ptr<session::Server> server_;
  uint64_t incarnation_ = 0;
  uint16_t port_ = 0;
  uint64_t reap_timer_ = 0;              // this and the next two: of the bus's thread
  bool publishing_ = false, closed_ = false;
  std::mutex mutex_, stop_mutex_;        // mutex_ guards last_counters_
  BusCounters last_counters_{};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Bus> Bus::start(const BusOptions& options, std::function<void()> wake, std::string& error) {
  auto bus = std::make_unique<ThreadedBus>(options, std::move(wake));
  if (!bus->start(error)) return nullptr;
  return bus;
}

}  // namespace baton
