#include "bus/bus.h"

#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "bus/assembly.h"
#include "bus/tickets.h"
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
      : options_(options), loop_(Loop::create()), parts_(options_, surroundings(), std::move(wake)) {}

  ~ThreadedBus() override { stop(); }

  // Everything is made on the caller's thread, before the bus's own begins.
  bool start(std::string& error) {
    error = refusal(options_);
    if (!error.empty() || !parts_.start(error)) return false;
    thread_ = std::thread([this] { loop_->run(); });
    return true;
  }

  uint64_t incarnation() const override { return parts_.incarnation(); }
  uint16_t lane_port() const override { return parts_.lane_port(); }

  void open(OpenTicket request) override {
    post([this, request = std::move(request)] { parts_.tickets().open(request); });
  }
  void expect(ExpectTicket request) override {
    post([this, request = std::move(request)] { parts_.tickets().expect(request); });
  }
  void abort(const TicketId& ticket, Reason reason) override {
    const bool known = reason <= Reason::busy;  // what goes over a lane must be a reason there too
    post([this, ticket, r = known ? reason : Reason::malformed] { parts_.tickets().abort(ticket, r); });
  }
  void renew(const TicketId& ticket, uint32_t lease_ms) override {
    post([this, ticket, lease_ms] { parts_.tickets().renew(ticket, lease_ms); });
  }
  void settle(const TicketId& ticket) override {
    post([this, ticket] { parts_.tickets().settle(ticket); });
  }
  void refuse_new() override {
    post([this] { parts_.tickets().refuse_new(); });
  }

  Drained drain() override { return parts_.mailbox().drain(); }
  std::vector<TicketView> list_tickets() override { return parts_.mailbox().live_tickets(); }
  std::vector<AttachmentEvent> list_attachments() override { return parts_.mailbox().attachments(); }

  std::vector<Arena::Event> list_chunks() override {
    auto answer = ask<std::vector<Arena::Event>>([this] { return parts_.arena().list(); });
    if (answer) return std::move(*answer);
    post([this] { parts_.owe_chunks(); });
    return {};
  }

  BusCounters counters() override {
    if (auto answer = ask<BusCounters>([this] { return parts_.counters(); })) {
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
  Surroundings surroundings() {
    return {*loop_, Processes::system(),
            [] { return std::random_device{}() | 1; },
            [this](path::Sink& sink, uint64_t incarnation, std::string& error) {
              return path::tcp::listen(*loop_, lane_options(options_, incarnation), sink, error);
            },
            [this](session::Handler& engines, int arena_fd, std::string& error) {
              return session::Server::listen(*loop_, options_.socket_path, arena_fd, engines, error);
            }};
  }

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

  // On the bus's thread.
  void close() {
    closed_ = true;
    parts_.close([this](const BusCounters& last) {
      const std::lock_guard lock(mutex_);
      last_counters_ = last;
    });
    loop_->stop();
  }

  const BusOptions options_;
  std::unique_ptr<Loop> loop_;
  Assembly parts_;
  bool closed_ = false;                  // of the bus's thread
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
