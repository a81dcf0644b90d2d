#include "base/digest.h"

#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace baton {

static_assert(std::endian::native == std::endian::little, "wire and memory formats are little endian");

#if defined(__x86_64__)
uint64_t piece_hash_avx2(const void* bytes, size_t n);  // digest_avx2.cc

namespace {
const bool kAvx2 = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}();
}  // namespace

uint64_t piece_hash(const void* bytes, size_t n) {
  return kAvx2 ? piece_hash_avx2(bytes, n) : XXH3_64bits(bytes, n);
}
#else
uint64_t piece_hash(const void* bytes, size_t n) { return XXH3_64bits(bytes, n); }
#endif

void StripeDigest::begin(const Key& key, uint32_t layer, uint32_t head) {
  words_.resize(5);
  std::memcpy(words_.data(), key.data(), key.size());
  words_[4] = static_cast<uint64_t>(head) << 32 | layer;
}

void StripeDigest::add_piece(uint64_t hash) { words_.push_back(hash); }

Digest StripeDigest::end() {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(words_.data(), words_.size() * sizeof words_[0]));
  Digest digest;
  static_assert(sizeof canonical.digest == sizeof digest);
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

Digest stripe_digest(const Key& key, uint32_t layer, uint32_t head, const void* bytes, size_t n) {
  thread_local StripeDigest digest;
  digest.begin(key, layer, head);
  const auto* at = static_cast<const uint8_t*>(bytes);
  for (size_t done = 0; done < n; done += kPieceBytes) {
    digest.add_piece(piece_hash(at + done, n - done < kPieceBytes ? n - done : kPieceBytes));
  }
  return digest.end();
}

}  // namespace baton
