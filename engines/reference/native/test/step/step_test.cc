#include "step/step.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "support/fake_baton.h"
#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

// A model that tells what happens to it.
class ToldModel : public Model {
 public:
  void begin(std::span<const Sequence>) override {}
  void layer(uint32_t layer) override {
    if (on_layer) on_layer(layer);
    ended_ns.push_back(monotonic_ns());
    ++ended;
  }
  void sample(std::span<int32_t> tokens) override { std::fill(tokens.begin(), tokens.end(), 42); }

  std::function<void(uint32_t)> on_layer;
  std::vector<uint64_t> ended_ns;
  std::atomic<size_t> ended{0};
};

struct Fixture {
  Fixture() { fake.reset(); }
  StepRequest request() {
    StepRequest out;
    out.client = Client(fake_client(), [](baton_client*) {});
    out.sequences = {{.tokens = {1, 2, 3, 4}, .start = 0, .end = 4, .pages = {1}, .sample = true}};
    out.gathers = {{{.slot = fake_slot(1, 4), .pages = {1}, .page_offset = 0}}};
    return out;
  }

  FakeBaton& fake = FakeBaton::instance();
  Pages pages{{.layers = 4, .heads = 1, .elements = 4, .element_bytes = 4, .pages = 4, .page_tokens = 4}};
  ToldModel model;
  Worker stream{"baton-test"};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "each layer is announced in order, stamped between its end and the next layer's") {
  const StepRequest asked = request();
  const StepResult result = run_step(asked, model, pages, stream, true);
  CHECK(result.error == "");
  CHECK(result.tokens == std::vector<int32_t>{42});
  CHECK(result.gather_status == std::vector<int32_t>{0});
  const std::vector<Call> announced = fake.calls("announce");
  REQUIRE(announced.size() == 4);
  for (uint32_t layer = 0; layer < 4; ++layer) {
    CHECK(announced[layer].layer == layer);
    CHECK(announced[layer].computed_ns >= model.ended_ns[layer]);
    if (layer < 3) CHECK(announced[layer].computed_ns <= model.ended_ns[layer + 1]);
  }
}

TEST_CASE_FIXTURE(Fixture, "a layer is gathered in its own hook: after it, while the next one is computed") {
  // Layer i + 1 ends only once layer i has been announced.
  model.on_layer = [&](uint32_t layer) { fake.wait_for("announce", layer); };
  std::vector<size_t> ended_at;
  fake.answer = [&](const std::string& what, uint32_t, uint32_t) {
    if (what == "gather") ended_at.push_back(model.ended);
    return BATON_OK;
  };
  const StepRequest asked = request();
  run_step(asked, model, pages, stream, true);
  REQUIRE(ended_at.size() == 4);
  for (size_t layer = 0; layer < 4; ++layer) CHECK(ended_at[layer] == layer + 1);
}

TEST_CASE_FIXTURE(Fixture, "without hooks all layers are gathered after the last one, with the stamps of their ends") {
  std::vector<size_t> ended_at;
  fake.answer = [&](const std::string& what, uint32_t, uint32_t) {
    if (what == "gather") ended_at.push_back(model.ended);
    return BATON_OK;
  };
  const StepRequest asked = request();
  run_step(asked, model, pages, stream, false);
  CHECK(ended_at == std::vector<size_t>{4, 4, 4, 4});
  const std::vector<Call> announced = fake.calls("announce");
  REQUIRE(announced.size() == 4);
  for (uint32_t layer = 0; layer < 4; ++layer) {
    CHECK(announced[layer].layer == layer);
    CHECK(announced[layer].computed_ns >= model.ended_ns[layer]);
    if (layer < 3) CHECK(announced[layer].computed_ns <= model.ended_ns[layer + 1]);
  }
}

TEST_CASE_FIXTURE(Fixture, "the step's end waits for its gathers: its pages may be overwritten at once") {
  for (const bool hooks : {true, false}) {
    fake.reset();
    std::promise<void> reached, go;
    fake.answer = [&](const std::string& what, uint32_t, uint32_t layer) {
      if (what == "gather" && layer == 3) {
        reached.set_value();
        go.get_future().wait();
      }
      return BATON_OK;
    };
    const baton_layer_layout last = pages.layout(3);
    auto* const row = static_cast<uint8_t*>(last.plane[0].base) + last.plane[0].page_stride;
    std::memset(row, 7, 16);
    const StepRequest asked = request();
    auto step = std::async(std::launch::async, [&] {
      run_step(asked, model, pages, stream, hooks);
      std::memset(row, 9, 16);
    });
    reached.get_future().wait();
    CHECK(step.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    go.set_value();
    step.wait();
    CHECK(fake.calls("announce").size() == 4);
    CHECK(fake.stripes.at({1, 3}).at(0) == 7);
  }
}

TEST_CASE("a chunk that takes several steps is gathered whole and once, in the step that reaches its end") {
  FakeBaton& fake = FakeBaton::instance();
  const std::vector<uint32_t> tokens = random_tokens(40, 1);
  // Every stripe of the chunk of 32 tokens, computed in steps that end at `cuts`.
  const auto gathered = [&](std::vector<uint32_t> cuts, uint32_t seed) {
    fake.reset();
    Rig rig(synthetic_options());
    PagePicker picker(rig.options.pages, seed);
    Worker stream("baton-test");
    Sequence sequence = whole(rig, picker, tokens);
    cuts.push_back(sequence.end);
    for (uint32_t at = 0; const uint32_t end : cuts) {
      sequence.start = std::exchange(at, end);
      sequence.end = end;
      StepRequest request{.client = Client(fake_client(), [](baton_client*) {}), .sequences = {sequence}, .gathers = {{}}};
      if (sequence.start < 32 && end >= 32) {
        request.gathers[0] = {{.slot = fake_slot(1, 32), .pages = {sequence.pages[0], sequence.pages[1]}}};
      }
      CHECK(run_step(request, *rig.model, rig.pages, stream, true).gather_status == std::vector<int32_t>{0});
    }
    CHECK(fake.calls("gather").size() == rig.options.layers);
    CHECK(fake.calls("announce").size() == rig.options.layers);
    return fake.stripes;
  };
  const auto at_once = gathered({}, 1);
  CHECK(gathered({7, 20, 33}, 2) == at_once);
  CHECK(gathered({31, 32}, 3) == at_once);
  CHECK(gathered({32}, 4) == at_once);
}

TEST_CASE_FIXTURE(Fixture, "a fill that ends while its chunk is being gathered ends that sequence, not the step") {
  // The service ends the ticket between the copy of layer 1 and its announcement.
  std::promise<void> copying, ended;
  fake.answer = [&](const std::string& what, uint32_t, uint32_t layer) {
    if (what == "gather" && layer == 1) {
      copying.set_value();
      ended.get_future().wait();
    }
    return what == "gather" && layer >= 1 ? BATON_ERR_ENDED : BATON_OK;
  };
  const StepRequest asked = request();
  std::thread service([&] {
    copying.get_future().wait();
    baton_fill_abort(fake_client(), &asked.gathers[0][0].slot);
    ended.set_value();
  });
  const StepResult result = run_step(asked, model, pages, stream, true);
  service.join();
  CHECK(result.tokens == std::vector<int32_t>{42});
  CHECK(result.gather_status == std::vector<int32_t>{BATON_ERR_ENDED});
  CHECK(fake.calls("gather").size() == 2);  // later layers are skipped
  CHECK(fake.calls("announce").size() == 1);
  CHECK(fake.calls("abort").size() == 2);  // the service's, then the step's own
}

TEST_CASE_FIXTURE(Fixture, "a gather error never fails the step") {
  fake.answer = [](const std::string& what, uint32_t, uint32_t layer) {
    return what == "gather" && layer == 2 ? BATON_ERR_FULL : BATON_OK;
  };
  const StepRequest asked = request();
  const StepResult result = run_step(asked, model, pages, stream, true);
  CHECK(result.error == "");
  CHECK(result.tokens == std::vector<int32_t>{42});
  CHECK(result.gather_status == std::vector<int32_t>{BATON_ERR_FULL});
  CHECK(fake.calls("abort").size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a step that fails gives up its fills after the fence") {
  model.on_layer = [](uint32_t layer) {
    if (layer == 2) throw std::runtime_error("no memory");
  };
  const StepRequest asked = request();
  const StepResult result = run_step(asked, model, pages, stream, true);
  CHECK(result.error == "the step failed: no memory");
  CHECK(result.gather_status == std::vector<int32_t>{BATON_ERR_ENDED});
  CHECK(fake.calls("announce").size() == 2);
  CHECK(fake.calls().back().what == "abort");
}

