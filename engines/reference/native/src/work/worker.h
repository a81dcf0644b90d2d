#pragma once
// A thread that does what it is given, in order.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace baton::reference {

class Worker {
 public:
  explicit Worker(const char* name);  // at most 15 characters, as shown by ps -T
  ~Worker();                          // stop()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False once stopped: the job is dropped. The caller bounds how many wait.
  bool post(std::function<void()> job);
  // Waits until everything posted has been done.
  void drain();
  // Does what was posted, then ends the thread. Idempotent.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::deque<std::function<void()>> jobs_;
  bool busy_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace baton::reference
