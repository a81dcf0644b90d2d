#include "step/engine.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/limits.h"

namespace baton::reference {

std::unique_ptr<Engine> Engine::create(const ModelOptions& options, std::string& error) {
  error = baton::reference::refusal(options);
  if (!error.empty()) return nullptr;
  try {
    std::unique_ptr<Engine> engine(new Engine(options));
    engine->model_ = make_model(options, engine->pages_, engine->pool_, error);
    return engine->model_ ? std::move(engine) : nullptr;
  } catch (const std::exception& problem) {
    error = std::string("no memory or threads for this model and its pages: ") + problem.what();
    return nullptr;
  }
}

Engine::Engine(const ModelOptions& options)
    : options_(options),
      pages_(page_shape(options)),
      pool_(options.threads),
      stream_("baton-copy"),
      loader_("baton-load"),
      stepper_("baton-engine") {}

Engine::~Engine() { stop(); }

void Engine::stop() {
  stopping_ = true;
  stepper_.stop();
  loader_.stop();
  stream_.stop();
}

bool Engine::step(StepRequest request, std::function<void(StepResult)> done) {
  if (stopping_ || stepping_.exchange(true)) return false;
  auto shared = std::make_shared<StepRequest>(std::move(request));
  const bool posted = stepper_.post([this, shared, done = std::move(done)] {
    StepResult result = run_step(*shared, *model_, pages_, stream_, options_.layer_hooks);
    stepping_ = false;
    done(std::move(result));
  });
  if (!posted) stepping_ = false;
  return posted;
}

bool Engine::loads_full() const { return loads_ >= limits::kLoadsMax; }

bool Engine::load(LoadRequest request, std::function<void(LoadResult)> done) {
  if (stopping_ || loads_full()) return false;
  ++loads_;
  auto shared = std::make_shared<LoadRequest>(std::move(request));
  const bool posted = loader_.post([this, shared, done = std::move(done)] {
    LoadResult result = stopping_ ? refuse_load(*shared, BATON_ERR_CLOSED) : reference::load(*shared, pages_);
    --loads_;
    done(std::move(result));
  });
  if (!posted) --loads_;
  return posted;
}

std::string Engine::refusal(const std::vector<uint32_t>& pages, uint32_t page_offset, uint64_t tokens) const {
  if (page_offset >= options_.page_tokens) return "an offset lies outside its page";
  if (pages.size() * uint64_t{options_.page_tokens} < page_offset + tokens)
    return "there are fewer pages than tokens need";
  const bool known =
      std::all_of(pages.begin(), pages.end(), [&](uint32_t page) { return page < options_.pages; });
  return known ? "" : "a page is not one of this engine's";
}

std::string Engine::refusal(const StepRequest& request) const {
  if (request.sequences.size() > limits::kSequencesMax) return "too many sequences in one step";
  if (request.gathers.size() != request.sequences.size()) return "gathers are not one list per sequence";
  uint64_t rows = 0, gathers = 0;
  for (const Sequence& sequence : request.sequences) {
    if (sequence.start >= sequence.end || sequence.end > sequence.tokens.size() ||
        sequence.end > limits::kSequenceTokensMax) {
      return "a sequence's start and end are not inside its tokens";
    }
    rows += sequence.end - sequence.start;
    const auto known = [&](uint32_t token) { return token < options_.vocab; };
    if (!std::all_of(sequence.tokens.begin(), sequence.tokens.end(), known))
      return "a token is outside the vocabulary";
    std::string problem = refusal(sequence.pages, 0, sequence.end);
    if (!problem.empty()) return problem;
  }
  if (rows > limits::kStepTokensMax) return "too many tokens in one step";
  for (const std::vector<Gather>& list : request.gathers) {
    gathers += list.size();
    for (const Gather& gather : list) {
      std::string problem = refusal(gather.pages, gather.page_offset, gather.slot.tokens);
      if (!problem.empty()) return problem;
    }
  }
  return gathers > limits::kGathersMax ? "too many gathers in one step" : "";
}

std::string Engine::refusal(const LoadRequest& request) const {
  const size_t n = request.slots.size();
  if (n > limits::kLoadSlotsMax) return "too many slots in one load";
  if (request.pages.size() != n || request.page_offsets.size() != n || request.token_counts.size() != n) {
    return "pages, pageOffsets and tokenCounts are not one per slot";
  }
  for (size_t i = 0; i < n; ++i) {
    if (request.token_counts[i] > request.slots[i].tokens)
      return "a slot holds fewer tokens than are to be written";
    std::string problem = refusal(request.pages[i], request.page_offsets[i], request.token_counts[i]);
    if (!problem.empty()) return problem;
  }
  return "";
}

}  // namespace baton::reference
