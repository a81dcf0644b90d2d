#pragma once
// Shares independent pieces of work among threads. Which thread does which piece never matters to a result.
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace baton::reference {

class Pool {
 public:
  explicit Pool(size_t threads);  // the caller of run() is one of them
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  size_t threads() const { return threads_.size() + 1; }
  // Calls piece(i, thread) for every i in [0, n) and returns when all have returned; `thread` < threads() is
  // not used by two pieces at a time. Pieces must not throw. One caller at a time.
  void run(size_t n, const std::function<void(size_t i, size_t thread)>& piece);

 private:
  void work(size_t thread);
  void take(const std::function<void(size_t, size_t)>& piece, size_t n, size_t thread);

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(size_t, size_t)>* piece_ = nullptr;
  size_t n_ = 0, busy_ = 0, round_ = 0;
  bool stop_ = false;
  std::atomic<size_t> next_{0};
  std::vector<std::thread> threads_;
};

}  // namespace baton::reference
