#include <cstring>
#include <limits>

#include "model/tiny/kernel.h"

namespace baton::reference {
namespace {
#define BATON_TARGET
#include "model/tiny/kernel_body.h"
}  // namespace

const Kernels& plain_kernels() { return kTable; }

const Kernels& kernels() {
  static const Kernels& best = avx2_kernels() != nullptr ? *avx2_kernels() : plain_kernels();
  return best;
}

}  // namespace baton::reference
