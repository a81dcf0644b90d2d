#include "pages/pages.h"

#include <doctest/doctest.h>

#include <set>

using namespace baton::reference;

TEST_CASE("the layout told to the arena addresses the rows that the model writes") {
  Pages pages({.layers = 3, .heads = 2, .elements = 8, .element_bytes = 2, .pages = 5, .page_tokens = 4});
  std::set<const uint8_t*> seen;
  for (uint32_t layer = 0; layer < 3; ++layer) {
    const baton_layer_layout layout = pages.layout(layer);
    CHECK(layout.struct_size == sizeof layout);
    CHECK(layout.page_tokens == 4);
    for (uint32_t plane = 0; plane < kPlanes; ++plane) {
      const baton_plane_layout& p = layout.plane[plane];
      CHECK(p.elements * p.element_bytes == pages.row_bytes());
      CHECK(p.element_stride == 2);
      for (uint32_t page = 0; page < 5; ++page) {
        for (uint32_t head = 0; head < 2; ++head) {
          for (uint32_t t = 0; t < 4; ++t) {
            const uint8_t* row = static_cast<uint8_t*>(p.base) + page * p.page_stride + head * p.head_stride +
                                 t * p.token_stride;
            CHECK(pages.row(layer, page, plane, head, t) == row);
            seen.insert(row);
          }
        }
      }
    }
    CHECK(layout.plane[2].base == nullptr);
  }
  CHECK(seen.size() == 3 * 2 * 5 * 2 * 4);
  CHECK(*seen.rbegin() - *seen.begin() == static_cast<ptrdiff_t>((seen.size() - 1) * pages.row_bytes()));
}

TEST_CASE("the geometry names layers, heads and the bytes of each plane") {
  const Pages pages(
      {.layers = 3, .heads = 2, .elements = 8, .element_bytes = 4, .pages = 1, .page_tokens = 16});
  const baton_geometry geometry = pages.geometry(256);
  CHECK(geometry.layers == 3);
  CHECK(geometry.heads == 2);
  CHECK(geometry.planes == 2);
  CHECK(geometry.plane_bytes[0] == 32);
  CHECK(geometry.plane_bytes[1] == 32);
  CHECK(geometry.plane_bytes[2] == 0);
  CHECK(geometry.chunk_tokens == 256);
}
