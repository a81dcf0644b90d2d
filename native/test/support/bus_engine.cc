#include "support/bus_engine.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace baton::test {
namespace {

constexpr uint32_t kPageTokens = 16;
constexpr uint32_t kPages = 8;  // more than a chunk's, in an order that is not theirs

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace

BusEngine::BusEngine(const std::string& socket, const std::string& name, const Geometry& g) {
  baton_attach_options options{};
  options.struct_size = sizeof options;
  options.abi = BATON_ABI_VERSION;
  options.socket_path = socket.c_str();
  options.engine_name = name.c_str();
  const Namespace ns = test_namespace();
  std::copy(ns.begin(), ns.end(), options.namespace_digest);
  options.geometry = {g.layers, g.heads, g.planes, {g.plane_bytes[0], g.plane_bytes[1], 0, 0}, g.chunk_tokens};
  options.timeout_ms = 20'000;
  char error[256] = "";
  status_ = baton_attach(&options, &client_, error, sizeof error);
  error_ = error;
  memory_.resize(size_t{2} * kPages * g.heads * kPageTokens * g.plane_bytes[0]);
}

BusEngine::~BusEngine() { baton_detach(client_); }

// [plane][page][head][token][element]
baton_layer_layout BusEngine::layout() {
  const Geometry& g = kTestGeometry;
  baton_layer_layout out{};
  out.struct_size = sizeof out;
  out.page_tokens = kPageTokens;
  for (uint32_t p = 0; p < g.planes; ++p) {
    baton_plane_layout& plane = out.plane[p];
    plane.element_bytes = 2;
    plane.elements = g.plane_bytes[p] / 2;
    plane.element_stride = 2;
    plane.token_stride = g.plane_bytes[p];
    plane.head_stride = plane.token_stride * kPageTokens;
    plane.page_stride = plane.head_stride * g.heads;
    plane.base = memory_.data() + p * static_cast<uint64_t>(plane.page_stride) * kPages;
  }
  return out;
}

std::vector<uint32_t> BusEngine::pages(uint32_t tokens) const {
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i * kPageTokens < tokens; ++i) out.push_back((i * 3 + 1) % kPages);
  return out;
}

int BusEngine::accept(const Prompt& prompt, std::vector<uint8_t>& need) {
  need.assign(prompt.chunks.size(), 9);
  return baton_ticket_accept(client_, prompt.ticket.data(), prompt.keys().data(),
                             static_cast<uint32_t>(prompt.chunks.size()), prompt.tokens(), need.data());
}

int BusEngine::begin(const Prompt& prompt, uint32_t chunk, baton_slot& out, bool with_ticket) {
  const Chunk& c = prompt.chunks[chunk];
  return baton_fill_begin(client_, with_ticket ? prompt.ticket.data() : nullptr, c.key.data(), chunk, c.tokens, &out);
}

void BusEngine::fill_layer(const Prompt& prompt, const baton_slot& slot, uint32_t layer) {
  const Geometry& g = kTestGeometry;
  const Chunk& chunk = prompt.chunks[slot.chunk];
  const baton_layer_layout layout = this->layout();
  const std::vector<uint32_t> pages = this->pages(chunk.tokens);
  for (uint32_t p = 0; p < g.planes; ++p) {
    const baton_plane_layout& plane = layout.plane[p];
    for (uint32_t h = 0; h < g.heads; ++h) {
      for (uint32_t t = 0; t < chunk.tokens; ++t) {
        auto* at = static_cast<uint8_t*>(plane.base) + pages[t / kPageTokens] * plane.page_stride +
                   h * plane.head_stride + t % kPageTokens * plane.token_stride;
        for (uint32_t b = 0; b < g.plane_bytes[p]; ++b) at[b] = kv_byte(chunk.key, layer, h, p, t, b);
      }
    }
  }
  baton_gather(client_, &slot, layer, 0, g.heads, &layout, pages.data(), static_cast<uint32_t>(pages.size()), 0);
  baton_announce(client_, &slot, 1, layer, now_ns());
}

int BusEngine::fill(const Prompt& prompt, bool with_ticket) {
  for (uint32_t i = 0; i < prompt.chunks.size(); ++i) {
    baton_slot slot{};
    const int code = begin(prompt, i, slot, with_ticket);
    if (code == BATON_HELD) continue;
    if (code != BATON_OK) return code;
    for (uint32_t l = 0; l < kTestGeometry.layers; ++l) fill_layer(prompt, slot, l);
  }
  return BATON_OK;
}

int BusEngine::keep(const Prompt& prompt) { return fill(prompt, false); }

int BusEngine::prefill(const Prompt& prompt) {
  std::vector<uint8_t> need;
  const int code = accept(prompt, need);
  if (code != BATON_OK) return code;
  return fill(prompt, true);
}

int BusEngine::poll_until_landed(const Prompt& prompt) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  int code;
  // An engine polls between its steps.
  while ((code = baton_ticket_poll(client_, prompt.ticket.data())) == BATON_LANDING) {
    if (std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::yield();
  }
  return code;
}

int BusEngine::load(const Prompt& prompt, bool with_ticket, uint32_t& right) {
  right = 0;
  const auto count = static_cast<uint32_t>(prompt.chunks.size());
  std::vector<baton_slot> slots(count);
  uint32_t claimed = 0;
  uint64_t claim = 0;
  const int code = baton_claim(client_, with_ticket ? prompt.ticket.data() : nullptr, prompt.keys().data(), count,
                               slots.data(), &claimed, &claim);
  if (code != BATON_OK) return code;
  const Geometry& g = kTestGeometry;
  const baton_layer_layout layout = this->layout();
  int first_error = BATON_OK;
  std::vector<uint64_t> stamps(g.layers);
  for (uint32_t i = 0; i < claimed; ++i) {
    const uint32_t tokens = prompt.chunks[i].tokens;
    const std::vector<uint32_t> pages = this->pages(tokens);
    bool same = slots[i].tokens == tokens;
    for (uint32_t l = 0; l < g.layers && same; ++l) {
      std::fill(memory_.begin(), memory_.end(), 0);
      const int scattered = baton_scatter(client_, &slots[i], l, 0, g.heads, &layout, pages.data(),
                                          static_cast<uint32_t>(pages.size()), 0, 0, tokens, 1);
      if (scattered != BATON_OK && first_error == BATON_OK) first_error = scattered;
      for (uint32_t p = 0; p < g.planes; ++p) {
        for (uint32_t h = 0; h < g.heads; ++h) {
          for (uint32_t t = 0; t < tokens; ++t) {
            const baton_plane_layout& plane = layout.plane[p];
            const auto* at = static_cast<const uint8_t*>(plane.base) + pages[t / kPageTokens] * plane.page_stride +
                             h * plane.head_stride + t % kPageTokens * plane.token_stride;
            for (uint32_t b = 0; b < g.plane_bytes[p]; ++b) same &= at[b] == kv_byte(prompt.chunks[i].key, l, h, p, t, b);
          }
        }
      }
      stamps[l] = now_ns();
    }
    if (same) ++right;
  }
  if (with_ticket) baton_scattered(client_, prompt.ticket.data(), stamps.data(), g.layers);
  baton_release(client_, claim);
  return first_error;
}

}  // namespace baton::test
