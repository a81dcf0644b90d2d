#pragma once
// A weight matrix of `inputs` × `outputs`, kept in panels of kPanel output columns as the kernel reads them.
#include <cstddef>
#include <vector>

#include "model/tiny/kernel.h"

namespace baton::reference {

class Matrix {
 public:
  Matrix() = default;
  Matrix(size_t inputs, size_t outputs)
      : inputs_(inputs), outputs_(outputs), panels_(inputs * padded(outputs)) {}

  size_t stride() const {
    return padded(outputs_);
  }  // of result rows; columns beyond `outputs` get zeros added
  // Sets outputs [first, first + weights.size() / inputs) from rows of `inputs` weights each, as checkpoints
  // have them.
  void set(size_t first, const std::vector<float>& weights) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t output = first + i / inputs_, input = i % inputs_;
      panels_[(output / kPanel * inputs_ + input) * kPanel + output % kPanel] = weights[i];
    }
  }
  // out[r] += in[r] × this; `out` rows have stride() columns at least.
  void add_product(const Kernels& kernels, const float* in, size_t in_stride, float* out, size_t out_stride,
                   size_t rows) const {
    kernels.accumulate({.a = in,
                        .a_stride = in_stride,
                        .b = panels_.data(),
                        .b_stride = kPanel,
                        .b_panel = inputs_ * kPanel,
                        .c = out,
                        .c_stride = out_stride,
                        .rows = rows,
                        .k = inputs_,
                        .panels = stride() / kPanel});
  }

 private:
  size_t inputs_ = 0, outputs_ = 0;
  std::vector<float> panels_;
};

}  // namespace baton::reference
