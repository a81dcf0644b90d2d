#include "model/tiny/rope.h"

#include <algorithm>
#include <cmath>

namespace baton::reference {

void Rope::reach(uint32_t end) {
  const size_t have = cosines_.size() / half_;
  if (end <= have) return;
  const size_t positions = std::max<size_t>(end, have * 2);
  cosines_.resize(positions * half_);
  sines_.resize(positions * half_);
  for (size_t i = 0; i < half_; ++i) {
    const double frequency = std::pow(theta_, -static_cast<double>(i) / static_cast<double>(half_));
    for (size_t position = have; position < positions; ++position) {
      const double angle = static_cast<double>(position) * frequency;
      cosines_[position * half_ + i] = static_cast<float>(std::cos(angle));
      sines_[position * half_ + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void Rope::turn(float* head, uint32_t position) const {
  const float* cosines = cosines_.data() + position * half_;
  const float* sines = sines_.data() + position * half_;
  for (size_t i = 0; i < half_; ++i) {
    const float a = head[i], b = head[half_ + i];
    head[i] = a * cosines[i] - b * sines[i];
    head[half_ + i] = b * cosines[i] + a * sines[i];
  }
}

}  // namespace baton::reference
