#include "copy/tokens.h"

#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace baton::copy {
namespace {

struct Quad {
  uint64_t a, b;
};

// dst[t*dst_token + e*dst_element] = src[t*src_token + e*src_element], one element of type T at a time.
struct Strides {
  int64_t src_token, src_element, dst_token, dst_element;
};

template <class T>
void copy_elements(const uint8_t* src, uint8_t* dst, const Strides& s, uint32_t tokens, uint32_t elements) {
  for (uint32_t e = 0; e < elements; ++e) {
    const uint8_t* from = src + e * s.src_element;
    uint8_t* to = dst + e * s.dst_element;
    for (uint32_t t = 0; t < tokens; ++t, from += s.src_token, to += s.dst_token) std::memcpy(to, from, sizeof(T));
  }
}

void copy_odd_elements(const uint8_t* src, uint8_t* dst, const Strides& s, uint32_t tokens, uint32_t elements,
                       uint32_t bytes) {
  for (uint32_t t = 0; t < tokens; ++t) {
    for (uint32_t e = 0; e < elements; ++e) {
      std::memcpy(dst + t * s.dst_token + e * s.dst_element, src + t * s.src_token + e * s.src_element, bytes);
    }
  }
}

#if defined(__SSE2__)
// An 8×8 block of 2-byte elements: row r of the destination is column r of the source.
void transpose_block(const uint8_t* src, int64_t src_row, uint8_t* dst, int64_t dst_row) {
  __m128i a[8], b[8];
  for (int r = 0; r < 8; ++r) a[r] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + r * src_row));
  for (int r = 0; r < 4; ++r) {
    b[2 * r] = _mm_unpacklo_epi16(a[2 * r], a[2 * r + 1]);
    b[2 * r + 1] = _mm_unpackhi_epi16(a[2 * r], a[2 * r + 1]);
  }
  for (int half = 0; half < 2; ++half) {
    const __m128i* in = b + 4 * half;
    a[4 * half] = _mm_unpacklo_epi32(in[0], in[2]);
    a[4 * half + 1] = _mm_unpackhi_epi32(in[0], in[2]);
    a[4 * half + 2] = _mm_unpacklo_epi32(in[1], in[3]);
    a[4 * half + 3] = _mm_unpackhi_epi32(in[1], in[3]);
  }
  for (int r = 0; r < 4; ++r) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 2 * r * dst_row), _mm_unpacklo_epi64(a[r], a[r + 4]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + (2 * r + 1) * dst_row), _mm_unpackhi_epi64(a[r], a[r + 4]));
  }
}

// 2-byte elements that stand side by side by token on one end and by element on the other (vLLM's K on CPU).
void transpose(const uint8_t* src, uint8_t* dst, const Strides& s, uint32_t tokens, uint32_t elements) {
  const bool from_page = s.src_token == 2;
  const uint32_t whole_tokens = tokens / 8 * 8, whole_elements = elements / 8 * 8;
  for (uint32_t t = 0; t < whole_tokens; t += 8) {
    for (uint32_t e = 0; e < whole_elements; e += 8) {
      transpose_block(src + t * s.src_token + e * s.src_element, from_page ? s.src_element : s.src_token,
                      dst + t * s.dst_token + e * s.dst_element, from_page ? s.dst_token : s.dst_element);
    }
  }
  const uint32_t rest = elements - whole_elements;
  if (rest) {
    copy_elements<uint16_t>(src + whole_elements * s.src_element, dst + whole_elements * s.dst_element, s,
                            whole_tokens, rest);
  }
  copy_elements<uint16_t>(src + whole_tokens * s.src_token, dst + whole_tokens * s.dst_token, s,
                          tokens - whole_tokens, elements);
}
#endif

void copy_strided(const uint8_t* src, uint8_t* dst, const Strides& s, uint32_t tokens, const baton_plane_layout& l) {
#if defined(__SSE2__)
  const bool transposed = (s.src_token == 2 && s.dst_element == 2) || (s.src_element == 2 && s.dst_token == 2);
  if (l.element_bytes == 2 && transposed) return transpose(src, dst, s, tokens, l.elements);
#endif
  switch (l.element_bytes) {
    case 1: return copy_elements<uint8_t>(src, dst, s, tokens, l.elements);
    case 2: return copy_elements<uint16_t>(src, dst, s, tokens, l.elements);
    case 4: return copy_elements<uint32_t>(src, dst, s, tokens, l.elements);
    case 8: return copy_elements<uint64_t>(src, dst, s, tokens, l.elements);
    case 16: return copy_elements<Quad>(src, dst, s, tokens, l.elements);
    default: return copy_odd_elements(src, dst, s, tokens, l.elements, l.element_bytes);
  }
}

bool elements_adjoin(const baton_plane_layout& l) { return l.elements == 1 || l.element_stride == l.element_bytes; }

}  // namespace

void tokens_from_page(const baton_plane_layout& l, const uint8_t* page, uint8_t* packed, uint32_t tokens) {
  const size_t bytes = size_t{l.element_bytes} * l.elements;
  const auto packed_token = static_cast<int64_t>(bytes);
  if (!elements_adjoin(l)) {
    return copy_strided(page, packed, {l.token_stride, l.element_stride, packed_token, l.element_bytes}, tokens, l);
  }
  if (l.token_stride == packed_token || tokens == 1) {
    std::memcpy(packed, page, tokens * bytes);
    return;
  }
  for (uint32_t t = 0; t < tokens; ++t) std::memcpy(packed + t * bytes, page + t * l.token_stride, bytes);
}

void tokens_to_page(const baton_plane_layout& l, uint8_t* page, const uint8_t* packed, uint32_t tokens) {
  const size_t bytes = size_t{l.element_bytes} * l.elements;
  const auto packed_token = static_cast<int64_t>(bytes);
  if (!elements_adjoin(l)) {
    return copy_strided(packed, page, {packed_token, l.element_bytes, l.token_stride, l.element_stride}, tokens, l);
  }
  if (l.token_stride == packed_token || tokens == 1) {
    std::memcpy(page, packed, tokens * bytes);
    return;
  }
  for (uint32_t t = 0; t < tokens; ++t) std::memcpy(page + t * l.token_stride, packed + t * bytes, bytes);
}

}  // namespace baton::copy
