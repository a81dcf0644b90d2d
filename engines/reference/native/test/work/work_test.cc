#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "work/pool.h"
#include "work/worker.h"

using namespace baton::reference;

TEST_CASE("a pool does every piece once, round after round, no thread twice at a time") {
  for (const size_t threads : {1, 2, 4}) {
    Pool pool(threads);
    CHECK(pool.threads() == threads);
    for (size_t n = 0; n < 200; n = n * 2 + 1) {
      std::vector<std::atomic<int>> done(n), inside(threads);
      std::atomic<int> twice{0};
      pool.run(n, [&](size_t i, size_t thread) {
        if (inside[thread]++ != 0) ++twice;
        ++done[i];
        --inside[thread];
      });
      size_t once = 0;
      for (const auto& count : done) once += count == 1 ? 1 : 0;
      CHECK(once == n);
      CHECK(twice == 0);
    }
  }
}

TEST_CASE("a worker does what it is given in order, and drain waits for all of it") {
  Worker worker("baton-test");
  std::vector<int> done;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 20; ++i) CHECK(worker.post([&done, round, i] { done.push_back(round * 20 + i); }));
    worker.drain();
    REQUIRE(done.size() == static_cast<size_t>(round + 1) * 20);
  }
  for (size_t i = 0; i < done.size(); ++i) REQUIRE(done[i] == static_cast<int>(i));
}

TEST_CASE("a worker that is stopped does what it was given before, and nothing after") {
  Worker worker("baton-test");
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) worker.post([&] { ++done; });
  worker.stop();
  CHECK(done == 100);
  CHECK_FALSE(worker.post([&] { ++done; }));
  worker.stop();
  worker.drain();
  CHECK(done == 100);
}
