#include "step/engine.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "support/fake_baton.h"
#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

ModelOptions engine_options() {
  ModelOptions options = synthetic_options();
  options.layers = 2;
  return options;
}

StepRequest one_token(uint32_t page) {
  StepRequest out;
  out.sequences = {{.tokens = {65}, .start = 0, .end = 1, .pages = {page}, .sample = true}};
  out.gathers.resize(1);
  return out;
}

}  // namespace

TEST_CASE("an engine runs one step at a time, and answers on its own thread") {
  std::string error;
  const auto engine = Engine::create(engine_options(), error);
  REQUIRE(engine);
  std::promise<int32_t> token;
  std::promise<void> let_go;
  std::thread::id thread;
  REQUIRE(engine->step(one_token(0), [&](StepResult result) {
    thread = std::this_thread::get_id();
    token.set_value(result.tokens.at(0));
    let_go.get_future().wait();
  }));
  const int32_t first = token.get_future().get();
  let_go.set_value();
  CHECK(thread != std::this_thread::get_id());
  std::promise<int32_t> again;
  while (!engine->step(one_token(3), [&](StepResult result) { again.set_value(result.tokens.at(0)); })) {
  }
  CHECK(again.get_future().get() == first);
}

TEST_CASE("stopping an engine ends what runs, refuses what waits as closed, and may be done twice") {
  FakeBaton& fake = FakeBaton::instance();
  fake.reset();
  std::string error;
  const auto engine = Engine::create(engine_options(), error);
  REQUIRE(engine);
  std::promise<void> running, stopping;
  const std::shared_future<void> stopped = stopping.get_future().share();
  fake.answer = [&](const std::string& what, uint32_t, uint32_t layer) {
    if (what == "scatter" && layer == 0) {
      running.set_value();
      stopped.wait();
    }
    return what == "scatter" ? BATON_ERR_ENDED : BATON_OK;
  };
  const auto load = [&] {
    return LoadRequest{.client = Client(fake_client(), [](baton_client*) {}),
                       .slots = {fake_slot(1, 4)},
                       .pages = {{0}},
                       .page_offsets = {0},
                       .token_counts = {4},
                       .chunk_tokens = 16};
  };
  std::vector<int32_t> statuses;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(engine->load(load(), [&](LoadResult result) { statuses.push_back(result.statuses.at(0)); }));
  }
  running.get_future().wait();
  std::thread stopper([&] { engine->stop(); });
  while (true) {  // a step is refused only once the engine stops
    std::promise<void> done;
    if (!engine->step(one_token(0), [&](StepResult) { done.set_value(); })) break;
    done.get_future().wait();
  }
  stopping.set_value();
  stopper.join();
  engine->stop();
  CHECK(statuses == std::vector<int32_t>{BATON_ERR_ENDED, BATON_ERR_CLOSED, BATON_ERR_CLOSED});
  CHECK_FALSE(engine->load(load(), [](LoadResult) {}));
}

TEST_CASE("steps and loads that do not fit the engine are refused in words") {
  std::string error;
  const auto engine = Engine::create(engine_options(), error);
  REQUIRE(engine);
  const auto refused = [&](void (*spoil)(StepRequest&)) {
    StepRequest request = one_token(0);
    spoil(request);
    return engine->refusal(request);
  };
  CHECK(refused([](StepRequest&) {}) == "");
  CHECK(refused([](StepRequest& r) { r.sequences[0].end = 0; }).find("start and end") != std::string::npos);
  CHECK(refused([](StepRequest& r) { r.sequences[0].end = 2; }).find("start and end") != std::string::npos);
  CHECK(refused([](StepRequest& r) { r.sequences[0].tokens = {262}; }).find("vocabulary") !=
        std::string::npos);
  CHECK(refused([](StepRequest& r) { r.sequences[0].pages = {64}; }).find("not one of") != std::string::npos);
  CHECK(refused([](StepRequest& r) { r.sequences[0].pages = {}; }).find("fewer pages") != std::string::npos);
  CHECK(refused([](StepRequest& r) { r.gathers.clear(); }).find("one list per sequence") !=
        std::string::npos);
  CHECK(refused([](StepRequest& r) {
          r.gathers[0] = {{.slot = fake_slot(1, 17), .pages = {0}, .page_offset = 0}};
        }).find("fewer pages") != std::string::npos);
  CHECK(refused([](StepRequest& r) {
          r.gathers[0] = {{.slot = fake_slot(1, 1), .pages = {0}, .page_offset = 16}};
        }).find("outside its page") != std::string::npos);
  LoadRequest load{.client = nullptr,
                   .slots = {fake_slot(1, 4)},
                   .pages = {{0}},
                   .page_offsets = {0},
                   .token_counts = {4}};
  CHECK(engine->refusal(load) == "");
  load.token_counts = {5};
  CHECK(engine->refusal(load).find("holds fewer tokens") != std::string::npos);
  load.token_counts = {};
  CHECK(engine->refusal(load).find("one per slot") != std::string::npos);
}

TEST_CASE("options that make no engine are refused with the reason") {
  ModelOptions options = engine_options();
  options.kind = "other";
  std::string error;
  CHECK(Engine::create(options, error) == nullptr);
  CHECK(error == "kind = other: must be tiny or synthetic");
}

TEST_CASE("every load that was accepted ends in exactly one completion, in order, whatever it comes to") {
  FakeBaton& fake = FakeBaton::instance();
  fake.reset();
  std::string error;
  auto engine = Engine::create(engine_options(), error);
  REQUIRE(engine);
  fake.answer = [](const std::string& what, uint32_t slot, uint32_t layer) {
    if (what != "scatter" || slot % 4 == 0) return BATON_ERR_CLOSED;
    return slot % 4 == 1 && layer == 1 ? BATON_ERR_DIGEST : BATON_ERR_ENDED;
  };
  constexpr uint32_t kLoads = 200;
  std::vector<uint32_t> completed;
  uint32_t accepted = 0;
  std::promise<void> half;
  for (; accepted < kLoads; ++accepted) {
    LoadRequest request{.client = Client(fake_client(), [](baton_client*) {}),
                        .slots = {fake_slot(accepted, 4)},
                        .pages = {{0}},
                        .page_offsets = {0},
                        .token_counts = {4},
                        .chunk_tokens = 16};
    if (accepted % 4 == 2) request.client = nullptr;  // detached meanwhile
    const uint32_t number = accepted;
    REQUIRE(engine->load(std::move(request), [&, number](LoadResult result) {
      completed.push_back(number);
      if (result.status() == BATON_OK || result.statuses.size() != 1) completed.push_back(kLoads);
      if (number == kLoads / 2) half.set_value();
    }));
  }
  half.get_future().wait();
  engine.reset();  // while the others wait
  REQUIRE(completed.size() == kLoads);
  for (uint32_t i = 0; i < kLoads; ++i) CHECK(completed[i] == i);
}
