#include "copy/layout.h"

#include "base/limits.h"

namespace baton::copy {
namespace {

uint64_t magnitude(int64_t stride) { return stride < 0 ? 0 - static_cast<uint64_t>(stride) : static_cast<uint64_t>(stride); }

const char* plane_refusal(const baton_plane_layout& plane, uint32_t plane_bytes, bool many_heads, bool many_tokens,
                          bool many_pages) {
  if (!plane.base) return "a plane has no base";
  if (plane.element_bytes == 0 || plane.elements == 0) return "a plane has no elements";
  if (uint64_t{plane.element_bytes} * plane.elements != plane_bytes) {
    return "elements times their bytes must be the plane's bytes per token";
  }
  // What overlaps cannot be written back.
  if (plane.elements > 1 && magnitude(plane.element_stride) < plane.element_bytes) return "elements overlap";
  if (many_tokens && magnitude(plane.token_stride) < plane.element_bytes) return "tokens overlap";
  if (many_heads && magnitude(plane.head_stride) < plane.element_bytes) return "heads overlap";
  if (many_pages && magnitude(plane.page_stride) < plane.element_bytes) return "pages overlap";
  return nullptr;
}

}  // namespace

const char* refusal(const Geometry& geometry, const Pages& p, uint32_t tokens) {
  if (!p.layout || p.layout->struct_size != sizeof(baton_layer_layout)) return "the layout has another size";
  if (!p.pages || p.page_count == 0) return "there are no pages";
  const uint32_t page_tokens = p.layout->page_tokens;
  if (page_tokens == 0 || page_tokens > limits::kPageTokensMax) return "a page must hold 1 to 65536 tokens";
  if (tokens == 0 || tokens > geometry.chunk_tokens) return "tokens must be 1 to the chunk's";
  if (p.page_offset >= page_tokens) return "the page offset must be inside the first page";
  if (uint64_t{p.page_count} * page_tokens < uint64_t{p.page_offset} + tokens) return "there are too few pages";
  for (uint32_t i = 0; i < geometry.planes; ++i) {
    const char* wrong = plane_refusal(p.layout->plane[i], geometry.plane_bytes[i], geometry.heads > 1, page_tokens > 1,
                                      p.page_count > 1);
    if (wrong) return wrong;
  }
  return nullptr;
}

}  // namespace baton::copy
