#include "script/engine.h"

#include <sys/mman.h>

#include <stdexcept>
#include <utility>

#include "base/digest.h"
#include "script/names.h"

namespace baton::script {

ScriptServer::~ScriptServer() {
  for (const auto& [id, engine] : std::exchange(engines, {})) {
    engine->service_gone();
    if (!killed) handler_.ended(id);
  }
  for (const auto& [id, engine] : left) engine->service_gone();
}

void ScriptServer::push(session::SessionId id, const session::Ticket& ticket) {
  if (const auto it = engines.find(id); it != engines.end()) it->second->pushed(ticket);
}

Engine::Engine(ScriptServer& server, Lives& lives, const std::string& node, session::Attach attach)
    : server_(&server), lives_(lives), node_(node), attach_(std::move(attach)) {
  id_ = server.next_id();
  const session::Attached answer = server.handler().attach(id_, attach_);
  code_ = answer.status;
  if (code_ != BATON_OK) return;
  open_ = true;
  server.engines[id_] = this;
  incarnation_ = answer.incarnation;
  bytes_ = answer.file_bytes;
  void* base = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, server.arena_fd(), 0);
  if (base == MAP_FAILED) throw std::runtime_error("mapping the arena failed");
  base_ = static_cast<uint8_t*>(base);
  std::string error;
  view_ = arena::View::over(base_, bytes_, error);
  if (!view_) throw std::runtime_error(error);
  lives_.begin(*this);
}

Engine::~Engine() {
  if (server_ != nullptr) {
    server_->engines.erase(id_);
    server_->left.erase(id_);
  }
  if (base_ != nullptr) munmap(base_, bytes_);
}

void Engine::service_gone() {
  open_ = false;
  server_ = nullptr;
}

uint32_t Engine::lookup(const std::vector<Key>& keys) const {
  uint32_t leading = 0;
  while (open_ && leading < keys.size() && view_->holds(keys[leading])) ++leading;
  return leading;
}

session::Accepted Engine::accept(const TicketId& ticket, const std::vector<Key>& keys, uint32_t tokens) {
  session::Handler* service = serving();
  if (service == nullptr) return {BATON_ERR_CLOSED, {}};
  return service->accept(id_, {ticket, keys.back(), static_cast<uint32_t>(keys.size()), tokens});
}

int Engine::poll(const TicketId& ticket) {
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  if (const auto known = watched_.code(ticket)) return *known;
  watched_.add(ticket);
  const session::Ticket answer = service->watch(id_, {ticket});
  watched_.note(answer);
  const int code = session::code_of(answer);
  if (code < 0 && code != BATON_ERR_ENDED) watched_.remove(ticket);
  return code;
}

void Engine::forget(const TicketId& ticket) {
  if (!watched_.holds(ticket)) return;
  watched_.remove(ticket);
  if (session::Handler* service = serving()) service->forget(id_, {ticket});
}

int Engine::begin(const TicketId* ticket, const Key& key, uint32_t chunk, uint32_t tokens, SlotRef& out) {
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  session::Fill request{};
  request.has_ticket = ticket != nullptr;
  if (ticket != nullptr) request.ticket = *ticket;
  request.key = key;
  request.chunk = chunk;
  request.tokens = tokens;
  const session::Slot answer = service->fill(id_, request);
  out = {answer.slot, answer.generation, tokens, answer.offset, answer.fill, key};
  return answer.status;
}

int Engine::find(const SlotRef& ref, arena::Place& place) const {
  if (!open_) return BATON_ERR_CLOSED;
  if (!view_->place(ref.slot, ref.generation, place)) return BATON_ERR_ENDED;
  const bool same = place.geometry == attach_.geometry && place.ns == attach_.ns && place.tokens == ref.tokens &&
                    place.key == ref.key;
  return same ? BATON_OK : BATON_ERR_ARGUMENT;
}

int Engine::ready(const SlotRef& ref, uint32_t layer, uint32_t value, uint64_t now_ns) {
  arena::Place place;
  int code = layer < attach_.geometry.layers ? find(ref, place) : BATON_ERR_ARGUMENT;
  if (code == BATON_OK && place.sealed) code = BATON_ERR_ENDED;
  if (code == BATON_OK) late_copy(ref, layer, value);
  if (session::Handler* service = serving()) service->announce(id_, {layer, now_ns, {{ref.slot, ref.generation}}});
  return code;
}

void Engine::late_copy(const SlotRef& ref, uint32_t layer, uint32_t value) {
  const Geometry& g = attach_.geometry;
  uint8_t* slot = base_ + ref.offset;
  auto* digests = reinterpret_cast<Digest*>(slot);
  auto* bitmap = reinterpret_cast<std::atomic<uint64_t>*>(slot + arena::bitmap_offset(g));
  const uint64_t bytes = g.stripe_bytes(ref.tokens);
  for (uint32_t head = 0; head < g.heads; ++head) {
    const uint32_t stripe = layer * g.heads + head;
    if (arena::bit_filled(bitmap, stripe)) continue;
    uint8_t* at = slot + arena::header_bytes(g) + stripe * bytes;
    write_stripe(at, bytes, ref.key, layer, head, value);
    digests[stripe] = stripe_digest(ref.key, layer, head, at, bytes);
    arena::set_bits_filled(bitmap, stripe, 1);
  }
}

int Engine::abandon(const SlotRef& ref) {
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  service->abandon(id_, {ref.slot, ref.generation, ref.fill});
  return BATON_OK;
}

int Engine::claim(const TicketId* ticket, const std::vector<Key>& keys, uint64_t& claim, std::vector<SlotRef>& slots) {
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  session::Claim request{};
  request.has_ticket = ticket != nullptr;
  if (ticket != nullptr) request.ticket = *ticket;
  request.keys = keys;
  const session::Claimed answer = service->claim(id_, request);
  claim = answer.claim;
  for (size_t i = 0; i < answer.slots.size(); ++i) {
    const session::ClaimedSlot& slot = answer.slots[i];
    slots.push_back({slot.slot, slot.generation, slot.tokens, slot.offset, 0, keys[i]});
  }
  return answer.status;
}

int Engine::scatter(const SlotRef& ref, std::string& values) {
  arena::Place place;
  const int code = find(ref, place);
  if (code != BATON_OK) return code;
  if (!place.sealed) return BATON_ERR_ENDED;
  const Geometry& g = attach_.geometry;
  const uint64_t bytes = g.stripe_bytes(ref.tokens);
  for (uint32_t layer = 0; layer < g.layers; ++layer) {
    for (uint32_t head = 0; head < g.heads; ++head) {
      const uint8_t* stripe = place.stripe(layer, head);
      const uint32_t index = place.stripe_index(layer, head);
      if (stripe_digest(place.key, layer, head, stripe, bytes) != place.digests[index]) {
        corrupt(ref, index);
        values.clear();
        return BATON_ERR_DIGEST;
      }
      values += (head > 0 ? " " : layer > 0 ? "|" : "") + read_stripe(stripe, bytes, place.key, layer, head);
    }
  }
  return BATON_OK;
}

int Engine::scattered(const TicketId& ticket, uint32_t layers, uint64_t now_ns) {
  if (layers != attach_.geometry.layers) return BATON_ERR_ARGUMENT;
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  service->scattered(id_, {ticket, std::vector<uint64_t>(layers, now_ns)});
  return BATON_OK;
}

int Engine::release(uint64_t claim) {
  if (claim == 0) return BATON_OK;
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  service->release(id_, {claim});
  return BATON_OK;
}

int Engine::corrupt(const SlotRef& ref, uint32_t stripe) {
  session::Handler* service = serving();
  if (service == nullptr) return BATON_ERR_CLOSED;
  service->corrupt(id_, {ref.slot, ref.generation, stripe});
  return BATON_OK;
}

void Engine::hang_up() {
  if (!open_) return;
  open_ = false;
  server_->engines.erase(id_);
  server_->left[id_] = this;
  server_->handler().ended(id_);
}

void Engine::detach() {
  if (std::exchange(gone_, true)) return;
  hang_up();
  if (ScriptServer* server = std::exchange(server_, nullptr)) {
    server->left.erase(id_);
    server->handler().gone(id_);
  }
  lives_.end(*this);
}

void Engine::say_quiesced() {
  if (session::Handler* service = serving()) service->quiesced(id_, {incarnation_});
}

void Lives::begin(Engine& engine) {
  live_.push_back(&engine);
  tell(engine);
}

void Lives::end(Engine& engine) {
  std::erase(live_, &engine);
  tell(engine);
}

void Lives::tell(const Engine& of) {
  if (!processes_.lives(of.pid(), 0)) return;
  std::vector<Engine*> own;
  for (Engine* engine : live_) {
    if (engine->same_arena(of)) own.push_back(engine);
  }
  for (const Engine* engine : own) {
    if (engine->incarnation() != own.front()->incarnation()) return;
  }
  for (Engine* engine : own) engine->say_quiesced();
}

}  // namespace baton::script
