#include "pages/pages.h"

#include <sys/mman.h>

#include <new>

namespace baton::reference {

Pages::Pages(const PageShape& shape)
    : shape_(shape),
      row_(size_t{shape.elements} * shape.element_bytes),
      head_(row_ * shape.page_tokens),
      page_(head_ * shape.heads * kPlanes),
      layer_(page_ * shape.pages),
      bytes_(layer_ * shape.layers) {
  void* memory =
      mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<uint8_t*>(memory);
}

Pages::~Pages() { munmap(base_, bytes_); }

baton_layer_layout Pages::layout(uint32_t layer) const {
  baton_layer_layout layout{};
  layout.struct_size = sizeof layout;
  layout.page_tokens = shape_.page_tokens;
  for (uint32_t plane = 0; plane < kPlanes; ++plane) {
    baton_plane_layout& p = layout.plane[plane];
    p.base = base_ + layer * layer_ + size_t{plane} * shape_.heads * head_;
    p.page_stride = static_cast<int64_t>(page_);
    p.head_stride = static_cast<int64_t>(head_);
    p.token_stride = static_cast<int64_t>(row_);
    p.element_stride = shape_.element_bytes;
    p.element_bytes = shape_.element_bytes;
    p.elements = shape_.elements;
  }
  return layout;
}

baton_geometry Pages::geometry(uint32_t chunk_tokens) const {
  baton_geometry geometry{};
  geometry.layers = shape_.layers;
  geometry.heads = shape_.heads;
  geometry.planes = kPlanes;
  for (uint32_t plane = 0; plane < kPlanes; ++plane)
    geometry.plane_bytes[plane] = static_cast<uint32_t>(row_);
  geometry.chunk_tokens = chunk_tokens;
  return geometry;
}

}  // namespace baton::reference
