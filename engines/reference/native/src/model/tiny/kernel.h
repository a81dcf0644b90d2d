#pragma once
// The inner loops of `tiny`. Each element of a result has one fixed order of operations, the same in every
// build of these loops, for every number of rows and for every way to cut them: sums over k run from 0
// upwards, one rounding per multiplication and one per addition (this code is compiled without contraction to
// fused multiply-add).
#include <cstddef>

namespace baton::reference {

inline constexpr size_t kPanel = 16;  // columns that one pass of accumulate() computes
inline constexpr size_t kKeyBlock =
    64;  // keys whose scores are weighed together; blocks start at multiples of it

inline constexpr size_t padded(size_t columns) { return (columns + kPanel - 1) / kPanel * kPanel; }

// Running softmax of one row and query head: the greatest score so far and eight partial sums of weights.
struct Softmax {
  float greatest;
  float sums[8];
};

// c[r][j] += sum over i < k of a[r][i] × b[i][j], for r < rows and j < panels × kPanel. Panel q of b starts
// at b + q × b_panel. Strides in floats.
struct Product {
  const float* a;
  size_t a_stride;
  const float* b;
  size_t b_stride, b_panel;
  float* c;
  size_t c_stride;
  size_t rows, k, panels;
};

struct Kernels {
  void (*accumulate)(const Product&);
  // to[c][r] = from[r][c]; columns is a multiple of 4. Strides in floats.
  void (*transpose)(const float* from, size_t from_stride, float* to, size_t to_stride, size_t rows,
                    size_t columns);
  // Turns the scores of one key block, of which the first `valid` count, into weights relative to the
  // greatest score so far; scales `out` (dim floats) to it.
  void (*weigh)(float* scores, size_t valid, Softmax& softmax, float* out, size_t dim);
  // gate[i] = gate[i] * sigmoid(gate[i]) * up[i]; n is a multiple of 8.
  void (*swiglu)(float* gate, const float* up, size_t n);
};

const Kernels& plain_kernels();
// Null where the processor lacks AVX2. Same results, bit for bit.
const Kernels* avx2_kernels();
// The fastest of this machine.
const Kernels& kernels();

}  // namespace baton::reference
