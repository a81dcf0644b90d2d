#pragma once
// The native engine: pages, a model, and its threads (engine, copy stream, loads, math).
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "connector/load.h"
#include "step/step.h"

namespace baton::reference {

class Engine {
 public:
  // Null and `error` (what to do) when the options make no engine.
  static std::unique_ptr<Engine> create(const ModelOptions&, std::string& error);
  ~Engine();  // stop()

  const ModelOptions& options() const { return options_; }
  const Pages& pages() const { return pages_; }

  // Empty when a step or load fits this engine's pages and vocabulary, else what is wrong.
  std::string refusal(const StepRequest&) const;
  std::string refusal(const LoadRequest&) const;
  std::string refusal(const std::vector<uint32_t>& pages, uint32_t page_offset, uint64_t tokens) const;

  bool stepping() const { return stepping_; }
  bool loads_full() const;
  // `done` is called once, on the engine's thread. False: a step runs already, or the engine has stopped.
  bool step(StepRequest, std::function<void(StepResult)> done);
  // `done` is called once, on the load thread, in order. False: too many loads wait, or the engine has
  // stopped.
  bool load(LoadRequest, std::function<void(LoadResult)> done);
  // Waits for what runs; loads that wait end with BATON_ERR_CLOSED. Idempotent.
  void stop();

 private:
  explicit Engine(const ModelOptions&);

  const ModelOptions options_;
  Pages pages_;
  Pool pool_;
  std::unique_ptr<Model> model_;
  std::atomic<bool> stepping_{false}, stopping_{false};
  std::atomic<uint32_t> loads_{0};
  Worker stream_, loader_, stepper_;
};

}  // namespace baton::reference
