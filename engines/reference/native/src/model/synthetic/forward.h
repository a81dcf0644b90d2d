#pragma once
// A model of any geometry that proves every byte: K and V of a token are a pseudo-random function of all
// tokens up to it, and the next token is a hash of all KV bytes of the sequence as they stand in its pages.
#include <span>
#include <vector>

#include "model/model.h"
#include "model/synthetic/pace.h"

namespace baton::reference {

class SyntheticModel : public Model {
 public:
  SyntheticModel(const ModelOptions&, Pages&, Pool&);

  void begin(std::span<const Sequence> batch) override;
  void layer(uint32_t layer) override;
  void sample(std::span<int32_t> tokens) override;
  // Hash of the KV of the first `tokens` tokens, in the order layer, head, plane, token.
  uint64_t hash(std::span<const uint32_t> pages, uint32_t tokens);

 private:
  struct Row {
    uint64_t state;
    uint32_t page, slot;  // its place: token `slot` of the page
  };
  void write(uint32_t layer);

  const ModelOptions options_;
  Pages& pages_;
  Pool& pool_;
  Pace pace_;
  std::span<const Sequence> batch_;
  std::vector<Row> rows_;
  std::vector<uint64_t> parts_;
};

}  // namespace baton::reference
