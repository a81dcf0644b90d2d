#include "support/fake_baton.h"

#include <algorithm>
#include <cstring>

namespace baton::reference::test {
namespace {

struct Place {
  const baton_layer_layout& layout;
  const uint32_t* pages;
  uint32_t page_offset;
};

// Calls row(address, bytes) for every token of every head and plane, in stripe order.
template <class Row>
void each_row(const Place& place, uint32_t heads, uint32_t tokens, Row row) {
  for (uint32_t head = 0; head < heads; ++head) {
    for (const baton_plane_layout& plane : place.layout.plane) {
      if (plane.base == nullptr) continue;
      for (uint32_t t = 0; t < tokens; ++t) {
        const uint32_t at = place.page_offset + t;
        row(static_cast<uint8_t*>(plane.base) +
                place.pages[at / place.layout.page_tokens] * plane.page_stride + head * plane.head_stride +
                at % place.layout.page_tokens * plane.token_stride,
            size_t{plane.elements} * plane.element_bytes);
      }
    }
  }
}

}  // namespace

FakeBaton& FakeBaton::instance() {
  static FakeBaton fake;
  return fake;
}

void FakeBaton::reset() {
  std::lock_guard lock(mutex_);
  answer = nullptr;
  calls_.clear();
  stripes.clear();
}

int FakeBaton::call(Call call) {
  int code = BATON_OK;
  if (answer && !call.slots.empty()) code = answer(call.what, call.slots[0], call.layer);
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  called_.notify_all();
  return code;
}

std::vector<Call> FakeBaton::calls(const std::string& what) const {
  std::lock_guard lock(mutex_);
  std::vector<Call> out;
  std::copy_if(calls_.begin(), calls_.end(), std::back_inserter(out),
               [&](const Call& call) { return what.empty() || call.what == what; });
  return out;
}

void FakeBaton::wait_for(const std::string& what, size_t n) {
  std::unique_lock lock(mutex_);
  called_.wait(lock, [&] {
    const auto same = [&](const Call& call) { return call.what == what; };
    return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(), same)) >= n;
  });
}

baton_client* fake_client() {
  static int client;
  return reinterpret_cast<baton_client*>(&client);
}

baton_slot fake_slot(uint32_t id, uint32_t tokens) {
  baton_slot slot{};
  slot.slot = id;
  slot.tokens = tokens;
  slot.key[0] = static_cast<uint8_t>(id);
  return slot;
}

extern "C" {

void baton_detach(baton_client* client) {
  if (client != nullptr) FakeBaton::instance().call({.what = "detach"});
}

int baton_fill_abort(baton_client*, const baton_slot* slot) {
  return FakeBaton::instance().call({.what = "abort", .slots = {slot->slot}});
}

int baton_gather(baton_client*, const baton_slot* slot, uint32_t layer, uint32_t, uint32_t heads,
                 const baton_layer_layout* layout, const uint32_t* pages, uint32_t, uint32_t page_offset) {
  FakeBaton& fake = FakeBaton::instance();
  const int code = fake.call({.what = "gather", .layer = layer, .slots = {slot->slot}});
  if (code != BATON_OK) return code;
  std::vector<uint8_t>& stripe = fake.stripes[{slot->slot, layer}];
  stripe.clear();
  each_row({*layout, pages, page_offset}, heads, slot->tokens,
           [&](const uint8_t* row, size_t n) { stripe.insert(stripe.end(), row, row + n); });
  return BATON_OK;
}

int baton_announce(baton_client*, const baton_slot* slots, uint32_t n, uint32_t layer, uint64_t computed_ns) {
  Call call{.what = "announce", .layer = layer, .computed_ns = computed_ns};
  for (uint32_t i = 0; i < n; ++i) call.slots.push_back(slots[i].slot);
  return FakeBaton::instance().call(std::move(call));
}

int baton_scatter(baton_client*, const baton_slot* slot, uint32_t layer, uint32_t, uint32_t heads,
                  const baton_layer_layout* layout, const uint32_t* pages, uint32_t, uint32_t page_offset,
                  uint32_t, uint32_t token_count, int) {
  FakeBaton& fake = FakeBaton::instance();
  const int code = fake.call({.what = "scatter", .layer = layer, .slots = {slot->slot}});
  if (code != BATON_OK) return code;
  const std::vector<uint8_t>& stripe = fake.stripes.at({slot->slot, layer});
  size_t done = 0, at = 0;
  each_row({*layout, pages, page_offset}, heads, slot->tokens, [&](uint8_t* row, size_t n) {
    if (done++ % slot->tokens < token_count) std::memcpy(row, &stripe[at], n);
    at += n;
  });
  return BATON_OK;
}

int baton_scattered(baton_client*, const uint8_t*, const uint64_t* stamps, uint32_t layers) {
  return FakeBaton::instance().call({.what = "scattered", .stamps = {stamps, stamps + layers}});
}

int baton_digest_pages(const baton_geometry*, const uint8_t* key, uint32_t layer, uint32_t head,
                       uint32_t tokens, const baton_layer_layout* layout, const uint32_t* pages, uint32_t,
                       uint32_t page_offset, uint8_t* digest) {
  uint64_t hash = 0xcbf29ce484222325 ^ key[0] ^ uint64_t { layer } << 32 ^ uint64_t { head } << 48;
  uint32_t row_of = 0;
  each_row({*layout, pages, page_offset}, head + 1, tokens, [&](const uint8_t* row, size_t n) {
    if (row_of++ < head * tokens * 2) return;  // of the heads before
    for (size_t i = 0; i < n; ++i) hash = (hash ^ row[i]) * 0x100000001b3;
  });
  std::memcpy(digest, &hash, 8);
  std::memcpy(digest + 8, &hash, 8);
  return BATON_OK;
}

}  // extern "C"

}  // namespace baton::reference::test
