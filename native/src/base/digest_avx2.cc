// piece_hash with 32-byte registers; chosen at run time by digest.cc. Everything here is static but one function.
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace baton {
uint64_t piece_hash_avx2(const void* bytes, size_t n);
uint64_t piece_hash_avx2(const void* bytes, size_t n) { return XXH3_64bits(bytes, n); }
}  // namespace baton
#endif
