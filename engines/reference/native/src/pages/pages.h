#pragma once
// The engine's paged KV: one allocation, [layer][page][plane][head][token][element], two planes (K and V).
// Pages are zero until first written and take no memory before.
#include <cstddef>
#include <cstdint>

#include "baton.h"

namespace baton::reference {

struct PageShape {
  uint32_t layers = 0, heads = 0, elements = 0, element_bytes = 0, pages = 0, page_tokens = 0;
};

inline constexpr uint32_t kPlanes = 2;

class Pages {
 public:
  explicit Pages(const PageShape&);  // throws std::bad_alloc
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  const PageShape& shape() const { return shape_; }
  size_t row_bytes() const { return row_; }  // one plane of one token and head
  // Token `token` (counted inside the page) of one head; the page's later tokens follow row_bytes() apart.
  uint8_t* row(uint32_t layer, uint32_t page, uint32_t plane, uint32_t head, uint32_t token) {
    return base_ + layer * layer_ + page * page_ + (size_t{plane} * shape_.heads + head) * head_ +
           token * row_;
  }
  const uint8_t* row(uint32_t layer, uint32_t page, uint32_t plane, uint32_t head, uint32_t token) const {
    return const_cast<Pages*>(this)->row(layer, page, plane, head, token);
  }
  baton_layer_layout layout(uint32_t layer) const;
  baton_geometry geometry(uint32_t chunk_tokens) const;

 private:
  PageShape shape_;
  size_t row_, head_, page_, layer_, bytes_;  // strides and the whole, bytes
  uint8_t* base_;
};

}  // namespace baton::reference
