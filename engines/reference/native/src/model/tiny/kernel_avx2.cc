// AVX2 is named per function, not for the file: nothing inline from other headers may be compiled for it
// here.
#include <cstring>
#include <limits>

#include "model/tiny/kernel.h"

namespace baton::reference {

#if defined(__x86_64__)
namespace {
#define BATON_TARGET __attribute__((target("avx2")))
#include "model/tiny/kernel_body.h"
}  // namespace

const Kernels* avx2_kernels() { return __builtin_cpu_supports("avx2") ? &kTable : nullptr; }
#else
const Kernels* avx2_kernels() { return nullptr; }
#endif

}  // namespace baton::reference
