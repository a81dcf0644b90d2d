#pragma once
// A loop whose clock stands still until it is told to go on: timers fire in the order of their time, those of one time in
// the order in which they were set. There is nothing else to wait for.
#include <cstdlib>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/loop.h"

namespace baton::script {

class ScriptLoop final : public Loop {
 public:
  uint64_t now_ns() const override { return now_; }

  uint64_t after(uint64_t delay_ns, std::function<void()> work) override {
    const uint64_t id = ++ids_;
    timers_.emplace(std::pair{now_ + delay_ns, id}, std::move(work));
    dues_.emplace(id, now_ + delay_ns);
    return id;
  }

  void cancel(uint64_t timer) override {
    const auto due = dues_.find(timer);
    if (due == dues_.end()) return;
    timers_.erase({due->second, timer});
    dues_.erase(due);
  }

  // Everything that is due by then, in order; then it is then.
  void advance(uint64_t ns) {
    const uint64_t until = now_ + ns;
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      const auto first = timers_.begin();
      now_ = first->first.first;
      const std::function<void()> work = std::move(first->second);
      dues_.erase(first->first.second);
      timers_.erase(first);
      work();
    }
    now_ = until;
  }

  void watch(int, uint32_t, std::function<void(uint32_t)>) override { std::abort(); }
  void rewatch(int, uint32_t) override { std::abort(); }
  void unwatch(int) override { std::abort(); }
  void post(std::function<void()>) override { std::abort(); }
  void run() override { std::abort(); }
  void run_once(int) override { std::abort(); }
  void stop() override { std::abort(); }

 private:
  uint64_t now_ = 1'000'000'000, ids_ = 0;  // a stamp of 0 means never
  std::map<std::pair<uint64_t, uint64_t>, std::function<void()>> timers_;
  std::unordered_map<uint64_t, uint64_t> dues_;
};

}  // namespace baton::script
