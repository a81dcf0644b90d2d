#include "copy/layout.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "copy/scatter.h"

using namespace baton;

namespace {

// Two heads of K and V, 16-token pages, 64 tokens at most.
struct Call {
  Geometry geometry{1, 2, 2, {32, 64}, 64};
  std::vector<uint8_t> memory = std::vector<uint8_t>(16 * 8 * 2 * 64);
  baton_layer_layout layout{};
  std::vector<uint32_t> page_list{3, 1, 2};
  copy::Pages pages;
  uint32_t tokens = 40;

  Call() {
    layout.struct_size = sizeof layout;
    layout.page_tokens = 16;
    layout.plane[0] = {memory.data(), 1024, 512, 32, 2, 2, 16};
    layout.plane[1] = {memory.data(), 2048, 1024, 64, 2, 2, 32};
    pages = {&layout, page_list.data(), 3, 5};
  }
  std::string refusal() const {
    const char* why = copy::refusal(geometry, pages, tokens);
    return why ? why : "";
  }
};

}  // namespace

TEST_CASE("a layout that describes its pages is accepted to the last token") {
  Call call;
  CHECK(call.refusal() == "");
  call.tokens = 43;
  CHECK(call.refusal() == "");
}

TEST_CASE("a call that would read or write in the wrong place says why, and moves nothing") {
  const std::pair<std::function<void(Call&)>, const char*> cases[] = {
      {[](Call& c) { c.pages.layout = nullptr; }, "the layout has another size"},
      {[](Call& c) { c.layout.struct_size -= 8; }, "the layout has another size"},
      {[](Call& c) { c.pages.pages = nullptr; }, "there are no pages"},
      {[](Call& c) { c.pages.page_count = 0; }, "there are no pages"},
      {[](Call& c) { c.layout.page_tokens = 0; }, "a page must hold 1 to 65536 tokens"},
      {[](Call& c) { c.layout.page_tokens = UINT32_MAX; }, "a page must hold 1 to 65536 tokens"},
      {[](Call& c) { c.tokens = 0; }, "tokens must be 1 to the chunk's"},
      {[](Call& c) { c.tokens = 65; }, "tokens must be 1 to the chunk's"},
      {[](Call& c) { c.pages.page_offset = 16; }, "the page offset must be inside the first page"},
      {[](Call& c) { c.tokens = 44; }, "there are too few pages"},
      {[](Call& c) { c.pages.page_count = 2; }, "there are too few pages"},
      {[](Call& c) { c.layout.plane[1].base = nullptr; }, "a plane has no base"},
      {[](Call& c) { c.layout.plane[0].element_bytes = 0; }, "a plane has no elements"},
      {[](Call& c) { c.layout.plane[0].elements = 0; }, "a plane has no elements"},
      {[](Call& c) { c.layout.plane[0].elements = 17; }, "elements times their bytes must be the plane's bytes per token"},
      {[](Call& c) { c.layout.plane[0].elements = 1u << 31; }, "elements times their bytes must be the plane's bytes per token"},
      {[](Call& c) { c.layout.plane[0].element_stride = 1; }, "elements overlap"},
      {[](Call& c) { c.layout.plane[1].token_stride = 0; }, "tokens overlap"},
      {[](Call& c) { c.layout.plane[1].head_stride = -1; }, "heads overlap"},
      {[](Call& c) { c.layout.plane[1].page_stride = 0; }, "pages overlap"},
  };
  for (const auto& [change, why] : cases) {
    CAPTURE(why);
    Call call;
    change(call);
    CHECK(call.refusal() == why);
    std::vector<uint8_t> stripe(64 * 96, 0x11);
    const auto before = stripe;
    copy::Scratch scratch;
    Digest digest{};
    CHECK(copy::gather(call.geometry, {}, 0, 0, call.tokens, call.pages, stripe.data(), digest, scratch) ==
          BATON_ERR_ARGUMENT);
    CHECK(copy::digest_pages(call.geometry, {}, 0, 0, call.tokens, call.pages, digest, scratch) == BATON_ERR_ARGUMENT);
    CHECK(copy::scatter(call.geometry, {}, 0, 0, call.tokens, call.pages, 0, call.tokens, stripe.data(), nullptr,
                        scratch) == BATON_ERR_ARGUMENT);
    CHECK(stripe == before);
    CHECK(std::count(call.memory.begin(), call.memory.end(), 0x11) == 0);
  }
}

TEST_CASE("heads, layers and tokens outside the stripe are refused") {
  Call call;
  std::vector<uint8_t> stripe(64 * 96);
  copy::Scratch scratch;
  Digest digest{};
  const auto gather = [&](uint32_t layer, uint32_t head) {
    return copy::gather(call.geometry, {}, layer, head, call.tokens, call.pages, stripe.data(), digest, scratch);
  };
  const auto scatter = [&](uint32_t first, uint32_t count) {
    return copy::scatter(call.geometry, {}, 0, 1, call.tokens, call.pages, first, count, stripe.data(), nullptr, scratch);
  };
  CHECK(gather(0, 1) == BATON_OK);
  CHECK(gather(1, 0) == BATON_ERR_ARGUMENT);
  CHECK(gather(0, 2) == BATON_ERR_ARGUMENT);
  CHECK(scatter(40, 0) == BATON_OK);
  CHECK(scatter(0, 41) == BATON_ERR_ARGUMENT);
  CHECK(scatter(41, 0) == BATON_ERR_ARGUMENT);
  CHECK(scatter(39, UINT32_MAX) == BATON_ERR_ARGUMENT);
}
