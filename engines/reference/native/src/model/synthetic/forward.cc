#include "model/synthetic/forward.h"

#include <algorithm>

#include "base/clock.h"
#include "model/synthetic/prf.h"

namespace baton::reference {
namespace {

constexpr size_t kRowsPerPiece = 64;
constexpr uint64_t kPrintable = 95;  // tokens ' ' … '~' of a byte-level vocabulary

}  // namespace

SyntheticModel::SyntheticModel(const ModelOptions& options, Pages& pages, Pool& pool)
    : options_(options),
      pages_(pages),
      pool_(pool),
      pace_({.us_per_layer = options.compute_us_per_layer,
             .us_per_layer_token = options.compute_us_per_layer_token,
             .delay_layer = options.delay_layer,
             .delay_ms = options.delay_ms}) {}

void SyntheticModel::begin(std::span<const Sequence> batch) {
  const uint64_t asked_ns = monotonic_ns();
  batch_ = batch;
  rows_.clear();
  for (const Sequence& sequence : batch) {
    uint64_t state = options_.seed;
    for (uint32_t t = 0; t < sequence.end; ++t) {
      state = next_state(state, sequence.tokens[t]);
      if (t < sequence.start) continue;
      rows_.push_back({state, sequence.pages[t / options_.page_tokens], t % options_.page_tokens});
    }
  }
  if (options_.prepare_kv) {
    for (uint32_t layer = 0; layer < options_.layers; ++layer) write(layer);
  }
  pace_.begin(options_.prepare_kv ? monotonic_ns() : asked_ns, rows_.size());
}

void SyntheticModel::layer(uint32_t layer) {
  const uint64_t begun_ns = monotonic_ns();
  if (!options_.prepare_kv) write(layer);
  sleep_until(std::max(pace_.end_ns(layer), begun_ns + pace_.delay_ns(layer)));
}

void SyntheticModel::write(uint32_t layer) {
  const size_t words = pages_.row_bytes() / 8;
  pool_.run((rows_.size() + kRowsPerPiece - 1) / kRowsPerPiece, [&](size_t piece, size_t) {
    const size_t end = std::min(rows_.size(), (piece + 1) * kRowsPerPiece);
    for (uint32_t head = 0; head < options_.heads; ++head) {
      for (uint32_t plane = 0; plane < kPlanes; ++plane) {
        for (size_t r = piece * kRowsPerPiece; r < end; ++r) {
          const Row& row = rows_[r];
          expand(kv_seed(row.state, layer, head, plane), pages_.row(layer, row.page, plane, head, row.slot),
                 words);
        }
      }
    }
  });
}

uint64_t SyntheticModel::hash(std::span<const uint32_t> pages, uint32_t tokens) {
  const uint32_t page_tokens = options_.page_tokens;
  parts_.resize(size_t{options_.layers} * options_.heads * kPlanes);
  pool_.run(parts_.size(), [&](size_t i, size_t) {
    const auto plane = static_cast<uint32_t>(i % kPlanes);
    const auto head = static_cast<uint32_t>(i / kPlanes % options_.heads);
    const auto layer = static_cast<uint32_t>(i / kPlanes / options_.heads);
    WordHash hash;
    for (uint32_t t = 0; t < tokens; ++t) {
      hash.add(pages_.row(layer, pages[t / page_tokens], plane, head, t % page_tokens),
               pages_.row_bytes() / 8);
    }
    parts_[i] = hash.finish(i);
  });
  uint64_t whole = tokens;
  for (const uint64_t part : parts_) whole = splitmix64(whole ^ part);
  return whole;
}

void SyntheticModel::sample(std::span<int32_t> tokens) {
  for (size_t s = 0; s < batch_.size(); ++s) {
    const Sequence& sequence = batch_[s];
    tokens[s] = -1;
    if (!sequence.sample) continue;
    uint64_t drawn = hash(sequence.pages, sequence.end);
    if (sequence.temperature > 0) drawn = splitmix64(drawn ^ splitmix64(sequence.seed));
    tokens[s] = static_cast<int32_t>(' ' + drawn % kPrintable);
  }
}

}  // namespace baton::reference
