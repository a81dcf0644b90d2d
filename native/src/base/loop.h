#pragma once
// One thread's event loop: descriptors (epoll), timers, and work posted from other threads. Not thread-safe but for
// post(), wake() and stop().
#include <cstdint>
#include <functional>
#include <memory>

namespace baton {

// Monotonic nanoseconds. Injected wherever time decides something, so that tests own it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual uint64_t now_ns() const = 0;
  static Clock& monotonic();
};

class Loop {
 public:
  static std::unique_ptr<Loop> create(Clock& clock = Clock::monotonic());
  virtual ~Loop() = default;

  virtual uint64_t now_ns() const = 0;
  // `events` as in epoll (level-triggered). The callback may unwatch any descriptor, its own included.
  virtual void watch(int fd, uint32_t events, std::function<void(uint32_t events)>) = 0;
  virtual void rewatch(int fd, uint32_t events) = 0;
  virtual void unwatch(int fd) = 0;            // before close(fd)
  // One-shot timer; returns an id (never 0) for cancel(), which ignores ids that have fired.
  virtual uint64_t after(uint64_t delay_ns, std::function<void()>) = 0;
  virtual void cancel(uint64_t timer) = 0;
  virtual void post(std::function<void()>) = 0;  // from any thread; runs on the loop's thread
  virtual void run() = 0;                        // until stop()
  virtual void run_once(int timeout_ms) = 0;     // one turn, for tests and for clocks that are not real
  virtual void stop() = 0;                       // from any thread
};

}  // namespace baton
