#include "work/pool.h"

namespace baton::reference {

Pool::Pool(size_t threads) {
  for (size_t i = 1; i < threads; ++i) threads_.emplace_back([this, i] { work(i); });
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pool::run(size_t n, const std::function<void(size_t, size_t)>& piece) {
  if (threads_.empty() || n <= 1) {
    for (size_t i = 0; i < n; ++i) piece(i, 0);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    piece_ = &piece;
    n_ = n;
    busy_ = threads_.size();
    next_.store(0, std::memory_order_relaxed);
    ++round_;
  }
  wake_.notify_all();
  take(piece, n, 0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
}

void Pool::take(const std::function<void(size_t, size_t)>& piece, size_t n, size_t thread) {
  for (size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < n;) piece(i, thread);
}

void Pool::work(size_t thread) {
  size_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stop_ || round_ != seen; });
    if (stop_) return;
    seen = round_;
    const auto* piece = piece_;
    const size_t n = n_;
    lock.unlock();
    take(*piece, n, thread);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

}  // namespace baton::reference
