#include "base/loop.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace baton;

namespace {

struct HandClock final : Clock {
  uint64_t now = 1000;
  uint64_t now_ns() const override { return now; }
};

struct Pipe {
  int ends[2];
  Pipe() { REQUIRE(pipe(ends) == 0); }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
  void write_byte() const { REQUIRE(write(ends[1], "x", 1) == 1); }
  void read_byte() const {
    char byte;
    REQUIRE(read(ends[0], &byte, 1) == 1);
  }
};

}  // namespace

TEST_CASE("timers fire when their clock says so, earliest first, equals in the order they were set") {
  HandClock clock;
  const auto loop = Loop::create(clock);
  std::string fired;
  loop->after(20, [&] { fired += 'c'; });
  loop->after(10, [&] { fired += 'a'; });
  loop->after(10, [&] { fired += 'b'; });
  loop->run_once(0);
  CHECK(fired.empty());
  clock.now += 10;
  loop->run_once(0);
  CHECK(fired == "ab");
  clock.now += 100;
  loop->run_once(0);
  loop->run_once(0);
  CHECK(fired == "abc");
}

TEST_CASE("a cancelled timer never fires, not even when the one beside it cancels it") {
  HandClock clock;
  const auto loop = Loop::create(clock);
  int fired = 0;
  uint64_t second = 0;
  const uint64_t first = loop->after(5, [&] {
    ++fired;
    loop->cancel(second);
  });
  second = loop->after(5, [&] { fired += 100; });
  loop->cancel(loop->after(1, [&] { fired += 1000; }));
  clock.now += 50;
  loop->run_once(0);
  loop->cancel(first);  // has fired: ignored
  loop->run_once(0);
  CHECK(fired == 1);
  CHECK(first != 0);
}

TEST_CASE("a timer set by a timer waits for the next turn") {
  HandClock clock;
  const auto loop = Loop::create(clock);
  int fired = 0;
  std::function<void()> again = [&] {
    ++fired;
    loop->after(0, again);
  };
  loop->after(0, again);
  loop->run_once(0);
  CHECK(fired == 1);
  loop->run_once(0);
  CHECK(fired == 2);
}

TEST_CASE("a descriptor is reported while it is ready, and only for what is asked") {
  const auto loop = Loop::create();
  const Pipe pipe;
  int reads = 0;
  loop->watch(pipe.ends[0], EPOLLIN, [&](uint32_t events) { reads += (events & EPOLLIN) != 0; });
  loop->run_once(0);
  CHECK(reads == 0);
  pipe.write_byte();
  loop->run_once(-1);
  loop->run_once(-1);
  CHECK(reads == 2);
  loop->rewatch(pipe.ends[0], 0);
  loop->run_once(0);
  CHECK(reads == 2);
  loop->rewatch(pipe.ends[0], EPOLLIN);
  loop->run_once(-1);
  CHECK(reads == 3);
  pipe.read_byte();
  loop->run_once(0);
  CHECK(reads == 3);
  loop->unwatch(pipe.ends[0]);
}

TEST_CASE("a callback may unwatch any descriptor, its own and one that is ready in the same turn") {
  const auto loop = Loop::create();
  const Pipe one, other;
  one.write_byte();
  other.write_byte();
  int calls = 0;
  const std::string alive = "what the callback holds lives as long as it runs";
  const auto both = [&, alive](uint32_t) {
    ++calls;
    loop->unwatch(one.ends[0]);
    loop->unwatch(other.ends[0]);
    CHECK(alive.size() > 10);
  };
  loop->watch(one.ends[0], EPOLLIN, both);
  loop->watch(other.ends[0], EPOLLIN, both);
  loop->run_once(-1);
  loop->run_once(0);
  CHECK(calls == 1);
}

TEST_CASE("an event of a closed descriptor does not reach the new one of the same number") {
  const auto loop = Loop::create();
  auto first = std::make_unique<Pipe>();
  auto second = std::make_unique<Pipe>();
  first->write_byte();
  second->write_byte();
  std::unique_ptr<Pipe> fresh;
  int wrong = 0, calls = 0;
  const auto replace = [&](std::unique_ptr<Pipe>& mine, std::unique_ptr<Pipe>& theirs) {
    ++calls;
    const int number = theirs->ends[0];
    loop->unwatch(mine->ends[0]);
    loop->unwatch(number);
    theirs.reset();
    fresh = std::make_unique<Pipe>();
    REQUIRE((fresh->ends[0] == number || fresh->ends[1] == number));
    loop->watch(fresh->ends[0], EPOLLIN, [&](uint32_t) { ++wrong; });
  };
  loop->watch(first->ends[0], EPOLLIN, [&](uint32_t) { replace(first, second); });
  loop->watch(second->ends[0], EPOLLIN, [&](uint32_t) { replace(second, first); });
  loop->run_once(-1);
  loop->run_once(0);
  CHECK(calls == 1);
  CHECK(wrong == 0);
  loop->unwatch(fresh->ends[0]);
}

TEST_CASE("work posted from many threads runs once each, in each thread's order, on the loop's thread") {
  const auto loop = Loop::create();
  constexpr int kThreads = 4, kEach = 2000;
  std::vector<int> next(kThreads, 0);
  int done = 0, disorder = 0;
  std::thread::id ran_on;
  std::thread runner([&] {
    ran_on = std::this_thread::get_id();
    loop->run();
  });
  const std::thread::id expected = runner.get_id();
  std::vector<std::thread> posters;
  for (int t = 0; t < kThreads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop->post([&, t, i] {
          disorder += next[static_cast<size_t>(t)]++ != i || std::this_thread::get_id() != expected;
          if (++done == kThreads * kEach) loop->stop();
        });
      }
    });
  }
  for (auto& poster : posters) poster.join();
  runner.join();
  CHECK(done == kThreads * kEach);
  CHECK(disorder == 0);
  CHECK(ran_on == expected);
}

TEST_CASE("stop ends a run that has not begun yet, and the loop can run again") {
  const auto loop = Loop::create();
  loop->stop();
  loop->run();
  bool ran = false;
  loop->after(1'000'000, [&] {
    ran = true;
    loop->stop();
  });
  loop->run();
  CHECK(ran);
}

TEST_CASE("an idle loop uses no CPU") {
  const auto loop = Loop::create();
  loop->after(150'000'000, [&] { loop->stop(); });
  rusage before, after;
  getrusage(RUSAGE_THREAD, &before);
  loop->run();
  getrusage(RUSAGE_THREAD, &after);
  CHECK(after.ru_nvcsw - before.ru_nvcsw < 20);  // it slept, and was not woken over and over
}
