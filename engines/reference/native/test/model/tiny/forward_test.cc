#include "model/tiny/forward.h"

#include <doctest/doctest.h>

#include <set>

#include "support/models.h"

using namespace baton::reference;
using namespace baton::reference::test;

namespace {

struct Outcome {
  std::vector<float> logits;  // after the prompt
  std::vector<uint32_t> tokens;
  std::vector<uint8_t> kv;
  bool operator==(const Outcome&) const = default;
};

std::vector<float> logits_of(Rig& rig, size_t sequence) {
  const auto logits = dynamic_cast<TinyModel&>(*rig.model).logits(sequence);
  return {logits.begin(), logits.end()};
}

// Computes prompts and `generate` greedy tokens of each; steps are cut at random and batched at random unless `cuts` is 0.
std::vector<Outcome> run(const ModelOptions& options, const std::vector<std::vector<uint32_t>>& prompts, size_t generate,
                         uint32_t cuts) {
  Rig rig(options);
  PagePicker picker(options.pages, cuts);
  std::mt19937 random(cuts);
  std::vector<Sequence> sequences;
  for (const auto& prompt : prompts) {
    sequences.push_back(whole(rig, picker, prompt, generate));
    sequences.back().end = 0;
  }
  std::vector<Outcome> outcomes(prompts.size());
  const auto full = [&](size_t s) { return prompts[s].size() + generate; };
  while (true) {
    std::vector<Sequence> batch;
    std::vector<size_t> members;
    for (size_t s = 0; s < sequences.size(); ++s) {
      Sequence& sequence = sequences[s];
      if (sequence.end == full(s) || (cuts != 0 ? random() % 2 == 0 : !batch.empty())) continue;
      sequence.start = sequence.end;
      const auto left = static_cast<uint32_t>(sequence.tokens.size()) - sequence.start;
      sequence.end += cuts == 0 ? left : 1 + random() % left;
      sequence.sample = sequence.end == sequence.tokens.size();
      batch.push_back(sequence);
      members.push_back(s);
    }
    if (batch.empty()) {
      size_t finished = 0;
      for (size_t s = 0; s < sequences.size(); ++s) finished += sequences[s].end == full(s) ? 1 : 0;
      if (finished == sequences.size()) break;
      continue;
    }
    const std::vector<int32_t> sampled = rig.step(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      const size_t s = members[i];
      if (batch[i].end == prompts[s].size()) outcomes[s].logits = logits_of(rig, i);
      if (batch[i].sample && sequences[s].tokens.size() < full(s)) {
        sequences[s].tokens.push_back(static_cast<uint32_t>(sampled[i]));
      }
    }
  }
  for (size_t s = 0; s < sequences.size(); ++s) {
    outcomes[s].tokens = sequences[s].tokens;
    outcomes[s].kv = rig.kv(sequences[s], sequences[s].end);
  }
  return outcomes;
}

std::vector<uint32_t> generated(const ModelOptions& options, const std::string& prompt, size_t n) {
  const auto outcome = run(options, {{prompt.begin(), prompt.end()}}, n, 0).front();
  return {outcome.tokens.begin() + static_cast<ptrdiff_t>(prompt.size()), outcome.tokens.end()};
}

}  // namespace

TEST_CASE("a sequence's logits, tokens and KV never depend on steps, companions, page size or threads") {
  const std::vector<std::vector<uint32_t>> prompts = {random_tokens(1, 1), random_tokens(70, 2), random_tokens(133, 3),
                                                      random_tokens(40, 4)};
  ModelOptions options = tiny_options();
  const std::vector<Outcome> expected = run(options, prompts, 6, 0);
  for (size_t s = 0; s < prompts.size(); ++s) CHECK(run(options, {prompts[s]}, 6, 0).front() == expected[s]);
  for (uint32_t cuts = 1; cuts <= 6; ++cuts) {
    options.page_tokens = cuts % 2 == 0 ? 16 : 32;
    options.threads = cuts % 3 == 0 ? 2 : 1;
    const std::vector<Outcome> actual = run(options, prompts, 6, cuts);
    for (size_t s = 0; s < prompts.size(); ++s) CHECK(actual[s] == expected[s]);
  }
}

TEST_CASE("the AVX2 and the plain build of the model agree bit for bit") {
  const ModelOptions options = tiny_options();
  Rig rig(options);
  PagePicker picker(options.pages, 1);
  const std::vector<Sequence> batch = {whole(rig, picker, random_tokens(90, 5))};
  rig.step(batch);
  const std::vector<float> expected = logits_of(rig, 0);
  const std::vector<uint8_t> kv = rig.kv(batch[0], 90);
  RandomTensors tensors(options.seed);
  Weights weights;
  std::string error;
  REQUIRE(load_weights(options, tensors, weights, error));
  rig.model = std::make_unique<TinyModel>(options, std::move(weights), rig.pages, rig.pool, plain_kernels());
  rig.step(batch);
  CHECK(logits_of(rig, 0) == expected);
  CHECK(rig.kv(batch[0], 90) == kv);
}

TEST_CASE("greedy text of the default model varies over positions and prompts") {
  ModelOptions options = tiny_options();
  options.layers = 5, options.hidden = 128, options.ffn = 352;
  std::set<std::vector<uint32_t>> answers;
  const std::vector<std::string> prompts = {"Hello", "Hello!", "What is a baton?", "a", "The quick brown fox"};
  for (const std::string& prompt : prompts) {
    const std::vector<uint32_t> tokens = generated(options, prompt, 64);
    const std::set<uint32_t> distinct(tokens.begin(), tokens.end());
    CHECK(distinct.size() >= 20);
    CHECK(std::all_of(tokens.begin(), tokens.end(), [](uint32_t token) { return token >= ' ' && token <= '~'; }));
    answers.insert(tokens);
  }
  CHECK(answers.size() == prompts.size());
}

TEST_CASE("every token of a prompt reaches the answer's logits") {
  const ModelOptions options = tiny_options();
  const std::vector<uint32_t> prompt = random_tokens(48, 6);
  const std::vector<float> expected = run(options, {prompt}, 0, 0).front().logits;
  for (size_t i = 0; i < prompt.size(); ++i) {
    std::vector<uint32_t> other = prompt;
    other[i] = (other[i] + 1) % 256;
    CHECK(run(options, {other}, 0, 0).front().logits != expected);
  }
}

TEST_CASE("random weights are the documented function of the seed") {
  RandomTensors tensors(1);
  std::vector<float> first, other;
  std::string error;
  REQUIRE(tensors.read("model.layers.0.self_attn.v_proj.weight", 64, 128, first, error));
  REQUIRE(tensors.read("model.layers.1.self_attn.v_proj.weight", 64, 128, other, error));
  double sum = 0, squares = 0;
  for (const float x : first) sum += x, squares += double{x} * x;
  CHECK(std::abs(sum / 8192) < 0.005);
  CHECK(squares / 8192 * 128 == doctest::Approx(1).epsilon(0.05));
  CHECK(first != other);
  // Made by an independent implementation of the comment in tensors.h.
  CHECK(first[0] == doctest::Approx(-0.03377177545122045).epsilon(1e-6));
  CHECK(first[8191] == doctest::Approx(-0.1248413380137043).epsilon(1e-6));
}
