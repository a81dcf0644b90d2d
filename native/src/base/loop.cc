#include "base/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace baton {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

struct Watch {
  std::function<void(uint32_t)> callback;
  uint32_t events;
  uint32_t serial;  // tells a descriptor from an earlier one of the same number within one batch of events
};

class EpollLoop final : public Loop {
 public:
  explicit EpollLoop(Clock& clock) : clock_(clock) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ < 0 || wake_ < 0) fail("event loop");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWake;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) fail("event loop");
  }

  ~EpollLoop() override {
    close(epoll_);
    close(wake_);
  }

  uint64_t now_ns() const override { return clock_.now_ns(); }

  void watch(int fd, uint32_t events, std::function<void(uint32_t)> callback) override {
    unwatch(fd);
    const uint32_t serial = ++serials_;
    control(EPOLL_CTL_ADD, fd, events, serial);
    watches_[fd] = std::make_shared<Watch>(Watch{std::move(callback), events, serial});
  }

  void rewatch(int fd, uint32_t events) override {
    const auto it = watches_.find(fd);
    if (it == watches_.end() || it->second->events == events) return;
    control(EPOLL_CTL_MOD, fd, events, it->second->serial);
    it->second->events = events;
  }

  void unwatch(int fd) override {
    const auto it = watches_.find(fd);
    if (it == watches_.end()) return;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(it);  // a running callback is kept alive by dispatch()
  }

  uint64_t after(uint64_t delay_ns, std::function<void()> callback) override {
    const uint64_t now = clock_.now_ns();
    const uint64_t due = delay_ns > UINT64_MAX - now ? UINT64_MAX : now + delay_ns;
    const uint64_t id = ++timer_ids_;
    timers_.emplace(Due{due, id}, std::move(callback));
    dues_.emplace(id, due);
    return id;
  }

  void cancel(uint64_t timer) override {
    const auto it = dues_.find(timer);
    if (it == dues_.end()) return;
    timers_.erase(Due{it->second, timer});
    dues_.erase(it);
  }

  void post(std::function<void()> work) override {
    bool first;
    {
      const std::lock_guard lock(mutex_);
      first = posted_.empty();
      posted_.push_back(std::move(work));
    }
    if (first) wake();  // one wake-up per batch
  }

  void run() override {
    while (!stopping_.exchange(false)) turn(-1);
  }

  void run_once(int timeout_ms) override { turn(timeout_ms); }

  void stop() override {
    stopping_.store(true);
    wake();
  }

 private:
  using Due = std::pair<uint64_t, uint64_t>;  // (due, id): equal dues fire in the order they were set
  static constexpr uint64_t kWake = UINT64_MAX;

  void control(int operation, int fd, uint32_t events, uint32_t serial) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<uint64_t>(serial) << 32 | static_cast<uint32_t>(fd);
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) fail("watching a descriptor");
  }

  void wake() {
    const uint64_t one = 1;
    // The only failure is a full counter, and then the loop is awake already.
    [[maybe_unused]] const ssize_t n = write(wake_, &one, sizeof one);
  }

  void turn(int timeout_ms) {
    std::array<epoll_event, 64> events;
    const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms(timeout_ms));
    if (n < 0 && errno != EINTR) fail("waiting for events");
    for (int i = 0; i < n; ++i) dispatch(events[static_cast<size_t>(i)]);
    fire_timers();
    run_posted();
  }

  // Rounded up to whole milliseconds, so that a wait never ends just before its timer and spins.
  int wait_ms(int timeout_ms) const {
    if (timers_.empty()) return timeout_ms;
    const uint64_t due = timers_.begin()->first.first, now = clock_.now_ns();
    if (due <= now) return 0;
    const uint64_t until_ms = (due - now - 1) / 1'000'000 + 1;
    const int until = until_ms > 86'400'000 ? 86'400'000 : static_cast<int>(until_ms);
    return timeout_ms < 0 || until < timeout_ms ? until : timeout_ms;
  }

  void dispatch(const epoll_event& event) {
    if (event.data.u64 == kWake) {
      uint64_t count;
      [[maybe_unused]] const ssize_t n = read(wake_, &count, sizeof count);
      return;
    }
    const int fd = static_cast<int>(event.data.u64 & UINT32_MAX);
    const auto it = watches_.find(fd);
    if (it == watches_.end() || it->second->serial != event.data.u64 >> 32) return;
    const std::shared_ptr<Watch> held = it->second;
    held->callback(event.events);
  }

  // Timers set by a callback wait for the next turn, so descriptors are never starved.
  void fire_timers() {
    if (timers_.empty()) return;
    const uint64_t now = clock_.now_ns(), newest = timer_ids_;
    for (auto it = timers_.begin(); it != timers_.end() && it->first.first <= now; ++it) {
      if (it->first.second <= newest) firing_.push_back(it->first);
    }
    for (const Due& due : firing_) {
      const auto it = timers_.find(due);
      if (it == timers_.end()) continue;  // cancelled by an earlier callback
      const std::function<void()> callback = std::move(it->second);
      timers_.erase(it);
      dues_.erase(due.second);
      callback();
    }
    firing_.clear();
  }

  void run_posted() {
    {
      const std::lock_guard lock(mutex_);
      running_.swap(posted_);
    }
    for (auto& work : running_) work();
    running_.clear();
  }

  Clock& clock_;
  int epoll_ = -1, wake_ = -1;
  uint32_t serials_ = 0;
  uint64_t timer_ids_ = 0;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::map<Due, std::function<void()>> timers_;
  std::unordered_map<uint64_t, uint64_t> dues_;  // id → due
  std::vector<Due> firing_;
  std::mutex mutex_;  // guards posted_
  std::vector<std::function<void()>> posted_, running_;
  std::atomic<bool> stopping_{false};
};

}  // namespace

std::unique_ptr<Loop> Loop::create(Clock& clock) { return std::make_unique<EpollLoop>(clock); }

}  // namespace baton
