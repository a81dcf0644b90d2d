#!/usr/bin/env bash
# Makes PyPI's CUDA build of torch importable without the nvidia-* and triton wheels (the slim form of the venv).
# torch's libraries name the CUDA libraries as NEEDED and Python loads with RTLD_NOW, so each missing library is
# replaced by a stub that exports every symbol torch wants of them; each aborts when called. libcudart and libcupti
# stay real. Needs gcc and nm.
# usage: slim-torch.sh SITE_PACKAGES
set -euo pipefail
packages=$1
libs=$packages/torch/lib
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in libcudart.so.13 libcupti.so.13; do
  found=$(find "$packages/nvidia" -name "$name*" | head -n 1)
  cp -L --remove-destination "$found" "$libs/$name"
done
for file in "$libs"/libtorch*.so "$libs"/libc10*.so; do nm -D --undefined-only "$file"; done |
  awk '{print $2}' | sed 's/@.*//' | sort -u |
  grep -E '^(cublas|cusparse|cufft|cuFile|cusolver|curand|cudnn|nccl|pnccl|nvrtc|nvshmem|nvJitLink|nvml|cuda_?file)' \
    >"$work/symbols"
{
  echo '#include <stdlib.h>'
  while read -r symbol; do echo "void $symbol(void) { abort(); }"; done <"$work/symbols"
} >"$work/stub.c"
for name in libcusparse.so.12 libcufft.so.12 libcufile.so.0 libcusparseLt.so.0 libnccl.so.2 libcurand.so.10 \
  libcublas.so.13 libcublasLt.so.13 libcudnn.so.9 libnvshmem_host.so.3 libcusolver.so.12 libnvrtc.so.13; do
  gcc -w -fno-builtin -shared -fPIC -o "$libs/$name" -Wl,-soname,"$name" "$work/stub.c"
done
rm -rf "$packages/nvidia" "$packages/triton"
echo "$(wc -l <"$work/symbols") symbols stubbed"
