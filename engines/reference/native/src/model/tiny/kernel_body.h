// Included by kernel_plain.cc and kernel_avx2.cc, each in a namespace and for an instruction set
// (BATON_TARGET) of its own: the same source, so that every machine rounds alike. Vectors only ever hold
// independent elements.
#define BATON_INLINE BATON_TARGET static inline __attribute__((always_inline))

typedef float Lanes __attribute__((vector_size(32)));
typedef int Ints __attribute__((vector_size(32)));
typedef float Quad __attribute__((vector_size(16)));

BATON_INLINE void load(Lanes& to, const float* from) { std::memcpy(&to, from, sizeof to); }
BATON_INLINE void store(float* to, const Lanes& from) { std::memcpy(to, &from, sizeof from); }
BATON_INLINE void splat(Lanes& to, float x) { to = Lanes{x, x, x, x, x, x, x, x}; }

// e^x for x ≤ 0 to about two ulp; exactly 0 below -87.
BATON_INLINE void exp_negative(Lanes& x) {
  const Lanes floor = {-87.f, -87.f, -87.f, -87.f, -87.f, -87.f, -87.f, -87.f};
  const Ints zero = x < floor;
  Lanes clamped = zero ? floor : x;
  // Adding and taking away 1.5 × 2^23 rounds to the nearest integer.
  const float magic = 12582912.f;
  const Lanes n = (clamped * 1.44269504f + magic) - magic;
  const Lanes r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Ints power = (__builtin_convertvector(n, Ints) + 127) << 23;
  Lanes scale;
  std::memcpy(&scale, &power, sizeof scale);
  const Lanes none = {};
  x = zero ? none : p * scale;
}

// kRows rows by kPanels panels: few rows take several panels, so that additions need not wait for each other.
template <int kRows, int kPanels>
BATON_INLINE void accumulate_block(const Product& p, size_t row, size_t panel) {
  const float* a = p.a + row * p.a_stride;
  const float* b = p.b + panel * p.b_panel;
  float* c = p.c + row * p.c_stride + panel * kPanel;
  Lanes sums[kRows][kPanels][2];
  for (int r = 0; r < kRows; ++r) {
    for (int q = 0; q < kPanels; ++q) {
      load(sums[r][q][0], c + r * p.c_stride + q * kPanel);
      load(sums[r][q][1], c + r * p.c_stride + q * kPanel + 8);
    }
  }
  for (size_t i = 0; i < p.k; ++i) {
    for (int q = 0; q < kPanels; ++q) {
      Lanes low, high;
      load(low, b + q * p.b_panel + i * p.b_stride);
      load(high, b + q * p.b_panel + i * p.b_stride + 8);
      for (int r = 0; r < kRows; ++r) {
        Lanes x;
        splat(x, a[r * p.a_stride + i]);
        sums[r][q][0] += x * low;
        sums[r][q][1] += x * high;
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int q = 0; q < kPanels; ++q) {
      store(c + r * p.c_stride + q * kPanel, sums[r][q][0]);
      store(c + r * p.c_stride + q * kPanel + 8, sums[r][q][1]);
    }
  }
}

BATON_TARGET static void accumulate(const Product& p) {
  const size_t fours = p.rows / 4 * 4;
  for (size_t panel = 0; panel < p.panels; ++panel) {
    for (size_t row = 0; row < fours; row += 4) accumulate_block<4, 1>(p, row, panel);
  }
  size_t row = fours;
  for (; row + 2 <= p.rows; row += 2) {
    size_t panel = 0;
    for (; panel + 2 <= p.panels; panel += 2) accumulate_block<2, 2>(p, row, panel);
    for (; panel < p.panels; ++panel) accumulate_block<2, 1>(p, row, panel);
  }
  for (; row < p.rows; ++row) {
    size_t panel = 0;
    for (; panel + 4 <= p.panels; panel += 4) accumulate_block<1, 4>(p, row, panel);
    for (; panel < p.panels; ++panel) accumulate_block<1, 1>(p, row, panel);
  }
}

BATON_TARGET static void transpose(const float* from, size_t from_stride, float* to, size_t to_stride,
                                   size_t rows, size_t columns) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* in = from + r * from_stride;
    for (size_t c = 0; c < columns; c += 4) {
      Quad q[4], low[2], high[2];
      for (int i = 0; i < 4; ++i) std::memcpy(&q[i], in + i * from_stride + c, sizeof q[i]);
      for (int i = 0; i < 2; ++i) {
        low[i] = __builtin_shufflevector(q[i], q[i + 2], 0, 4, 1, 5);
        high[i] = __builtin_shufflevector(q[i], q[i + 2], 2, 6, 3, 7);
      }
      q[0] = __builtin_shufflevector(low[0], low[1], 0, 4, 1, 5);
      q[1] = __builtin_shufflevector(low[0], low[1], 2, 6, 3, 7);
      q[2] = __builtin_shufflevector(high[0], high[1], 0, 4, 1, 5);
      q[3] = __builtin_shufflevector(high[0], high[1], 2, 6, 3, 7);
      for (int i = 0; i < 4; ++i) std::memcpy(to + (c + i) * to_stride + r, &q[i], sizeof q[i]);
    }
  }
  for (; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * from_stride + c];
  }
}

BATON_TARGET static void weigh(float* scores, size_t valid, Softmax& softmax, float* out, size_t dim) {
  for (size_t i = valid; i < kKeyBlock; ++i) scores[i] = -std::numeric_limits<float>::infinity();
  Lanes greatest, s;
  splat(greatest, softmax.greatest);
  for (size_t i = 0; i < kKeyBlock; i += 8) {
    load(s, scores + i);
    greatest = s > greatest ? s : greatest;
  }
  float after = greatest[0];
  for (int lane = 1; lane < 8; ++lane) after = greatest[lane] > after ? greatest[lane] : after;

  Lanes scale, sums;
  splat(scale, softmax.greatest - after);
  exp_negative(scale);
  load(sums, softmax.sums);
  sums *= scale;
  for (size_t i = 0; i < kKeyBlock; i += 8) {
    load(s, scores + i);
    s -= after;
    exp_negative(s);
    store(scores + i, s);
    sums += s;
  }
  store(softmax.sums, sums);
  softmax.greatest = after;
  for (size_t d = 0; d < dim; d += 8) {
    load(s, out + d);
    s *= scale;
    store(out + d, s);
  }
}

BATON_TARGET static void swiglu(float* gate, const float* up, size_t n) {
  for (size_t i = 0; i < n; i += 8) {
    Lanes g, u;
    load(g, gate + i);
    load(u, up + i);
    // With e = exp(-|g|), sigmoid(g) is 1 / (1 + e) or e / (1 + e): no overflow on either side.
    Lanes e = g < 0 ? g : -g;
    exp_negative(e);
    const Lanes one = {1, 1, 1, 1, 1, 1, 1, 1};
    const Lanes sigmoid = (g < 0 ? e : one) / (one + e);
    store(gate + i, g * sigmoid * u);
  }
}

static constexpr Kernels kTable = {accumulate, transpose, weigh, swiglu};
#undef BATON_INLINE
