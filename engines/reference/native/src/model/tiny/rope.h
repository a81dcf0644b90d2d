#pragma once
// Rotary position embedding: element i and i + dim/2 of a head turn by position × theta^(-2i/dim).
#include <cstddef>
#include <cstdint>
#include <vector>

namespace baton::reference {

class Rope {
 public:
  Rope(double theta, size_t dim) : theta_(theta), half_(dim / 2) {}
  // Afterwards positions below `end` can be turned. Not while another thread turns.
  void reach(uint32_t end);
  void turn(float* head, uint32_t position) const;

 private:
  double theta_;
  size_t half_;
  std::vector<float> cosines_, sines_;  // [position][half_]
};

}  // namespace baton::reference
