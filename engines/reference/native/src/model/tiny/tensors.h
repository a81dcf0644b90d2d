#pragma once
// Where tiny's weights come from, by the names of Llama checkpoints.
#include <cstdint>
#include <string>
#include <vector>

namespace baton::reference {

class Tensors {
 public:
  virtual ~Tensors() = default;
  // rows × columns floats, row by row: a row per output, one row for norms. False and `error` when there are none.
  virtual bool read(const std::string& name, uint64_t rows, uint64_t columns, std::vector<float>& out,
                    std::string& error) = 0;
};

// Random weights from a seed, the same on every machine: element i of tensor NAME is the sum of the four
// 16-bit parts of splitmix64(splitmix64(seed ^ FNV-1a-64(NAME)) + i), shifted and scaled to mean 0 and the
// deviation of its kind (an approximate normal distribution that needs no library function). Norms are 1.
// Queries and keys are large, so that attention picks few positions and the next token depends on much of the
// prompt; outputs other than printable ASCII are small, so that they are seldom sampled.
class RandomTensors : public Tensors {
 public:
  explicit RandomTensors(uint64_t seed) : seed_(seed) {}
  bool read(const std::string& name, uint64_t rows, uint64_t columns, std::vector<float>& out,
            std::string& error) override;

 private:
  uint64_t seed_;
};

}  // namespace baton::reference
