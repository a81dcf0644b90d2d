#include "support/arena_handler.h"

#include <array>
#include <stdexcept>

namespace baton::test {

using namespace session;

ArenaHandler::ArenaHandler(uint64_t arena_bytes) {
  std::string error;
  ArenaOptions options;
  options.path = folder_.file("arena");
  options.bytes = arena_bytes;
  options.slots_max = 64;
  arena_ = Arena::open(options, error);
  if (!arena_) throw std::runtime_error(error);
  on_attach = [this](SessionId id, const Attach& m) { return attach_engine(id, m); };
  on_fill = [this](SessionId id, const Fill& m) { return begin(id, m); };
  on_claim = [this](SessionId, const Claim& m) { return claim_chunks(m); };
}

Attached ArenaHandler::attach_engine(SessionId id, const Attach& m) {
  for (const auto& [other, engine] : engines_) {
    if (engine.engine == m.engine)
      return {BATON_ERR_NAME_TAKEN, BATON_ABI_VERSION, 0, 0, m.engine + " is attached"};
    if (engine.ns == m.ns && engine.geometry != m.geometry) {
      return {BATON_ERR_GEOMETRY, BATON_ABI_VERSION, 0, 0, "the namespace has another geometry"};
    }
  }
  engines_.emplace(id, m);
  return {BATON_OK, BATON_ABI_VERSION, arena_->incarnation(), arena_->file_bytes(), ""};
}

Slot ArenaHandler::begin(SessionId id, const Fill& m) {
  const Attach& engine = engines_.at(id);
  if (arena_->find(m.key) != kNoSlot) return {BATON_HELD, 0, 0, 0, 0};
  const uint64_t fill = ++ids_;
  const SlotId slot = arena_->reserve(m.key, engine.ns, engine.geometry, m.tokens, fill, engine.pid);
  if (slot == kNoSlot) return {BATON_ERR_FULL, 0, 0, 0, 0};
  arena_->filling(slot);
  const auto info = arena_->info(slot);
  return {BATON_OK, slot, info->generation, info->offset, fill};
}

Claimed ArenaHandler::claim_chunks(const Claim& m) {
  Claimed answer{BATON_OK, ++ids_, {}};
  for (const Key& key : m.keys) {
    const SlotId slot = arena_->find(key);
    if (slot == kNoSlot) break;
    arena_->pin(slot);
    claims_[answer.claim].push_back(slot);
    const auto info = arena_->info(slot);
    answer.slots.push_back({slot, info->generation, info->tokens, info->offset});
  }
  return answer;
}

void ArenaHandler::abandon(SessionId id, const Abandon& m) {
  if (!arena_->stale(m.slot, m.generation)) arena_->abandon(m.slot, false);
  ScriptedHandler::abandon(id, m);
}

void ArenaHandler::announce(SessionId id, const Announce& m) {
  for (const SlotRef& ref : m.slots) {
    if (arena_->stale(ref.slot, ref.generation)) continue;
    bool whole = true;
    const uint32_t stripes = arena_->info(ref.slot)->geometry.stripes();
    for (uint32_t s = 0; s < stripes; ++s) whole = whole && arena_->filled(ref.slot, s);
    if (!whole) continue;
    arena_->seal(ref.slot);
    arena_->unpin(ref.slot);
  }
  ScriptedHandler::announce(id, m);
}

void ArenaHandler::release(SessionId id, const Release& m) {
  for (const SlotId slot : claims_[m.claim]) arena_->unpin(slot);
  claims_.erase(m.claim);
  ScriptedHandler::release(id, m);
}

void ArenaHandler::corrupt(SessionId id, const Corrupt& m) {
  if (!arena_->stale(m.slot, m.generation)) arena_->drop(m.slot);
  ScriptedHandler::corrupt(id, m);
}

void ArenaHandler::ended(SessionId id) {
  engines_.erase(id);
  ScriptedHandler::ended(id);
}

Geometry small_geometry() {
  Geometry geometry;
  geometry.layers = 3, geometry.heads = 2, geometry.planes = 2, geometry.chunk_tokens = 64;
  geometry.plane_bytes[0] = 64, geometry.plane_bytes[1] = 32;
  return geometry;
}

Key key_of(uint32_t number) {
  Key key{};
  uint64_t x = number + 1;
  for (uint8_t& byte : key)
    byte = static_cast<uint8_t>((x = x * 6364136223846793005u + 1442695040888963407u) >> 56);
  return key;
}

std::vector<uint8_t> keys_below(uint32_t n) {
  std::vector<uint8_t> keys;
  for (uint32_t i = 0; i < n; ++i) {
    const Key key = key_of(i);
    keys.insert(keys.end(), key.begin(), key.end());
  }
  return keys;
}

Engine::Engine(const std::string& socket_path, const std::string& name, const Geometry& geometry) {
  baton_attach_options options{};
  options.struct_size = sizeof options;
  options.abi = BATON_ABI_VERSION;
  options.socket_path = socket_path.c_str();
  options.engine_name = name.c_str();
  options.namespace_digest[0] = 1;
  options.geometry = {geometry.layers, geometry.heads, geometry.planes, {}, geometry.chunk_tokens};
  for (size_t p = 0; p < geometry.plane_bytes.size(); ++p)
    options.geometry.plane_bytes[p] = geometry.plane_bytes[p];
  options.timeout_ms = 60'000;
  std::array<char, 256> text{};
  status = baton_attach(&options, &client, text.data(), text.size());
  error = text.data();
}

}  // namespace baton::test
