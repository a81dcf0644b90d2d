#include "work/worker.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <utility>

namespace baton::reference {

Worker::Worker(const char* name) : thread_([this] { work(); }) {
  pthread_setname_np(thread_.native_handle(), name);
}

Worker::~Worker() { stop(); }

bool Worker::post(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    if (stop_) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void Worker::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return jobs_.empty() && !busy_; });
}

void Worker::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Worker::work() {
  // Modelled compute sleeps on this thread: the kernel's default slack of 50 µs would add up over layers.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    lock.unlock();
    job();
    job = nullptr;  // what it holds is given up here, before drain() returns
    lock.lock();
    busy_ = false;
    if (jobs_.empty()) idle_.notify_all();
  }
}

}  // namespace baton::reference
