#include "bus/engines.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "bus/fills.h"
#include "bus/lanes.h"
#include "bus/source.h"
#include "bus/tickets.h"

namespace baton {
namespace {

session::Attached refused(int32_t status, std::string message) {
  session::Attached answer{};
  answer.status = status;
  answer.abi = BATON_ABI_VERSION;
  answer.message = std::move(message);
  return answer;
}

session::Ticket progress(const Ticket& ticket) {
  const bool landed = ticket.state == TicketState::landed || ticket.state == TicketState::claimed;
  const int32_t status = ended(ticket.state) ? BATON_ERR_ENDED : landed ? BATON_OK : BATON_LANDING;
  return {ticket.id, ticket.state, ticket.reason, status, ticket.landed};
}

}  // namespace

const session::Attach* Engines::attachment(const std::string& engine, const Namespace& ns) const {
  for (const auto& [id, session] : sessions_) {
    if (session.engine.engine == engine && session.engine.ns == ns) return &session.engine;
  }
  return nullptr;
}

SlotId Engines::held(const Key& key, const Namespace& ns, const Geometry& geometry, uint32_t tokens) const {
  const SlotId slot = parts_.arena.find(key);
  if (slot == kNoSlot) return kNoSlot;
  const std::optional<SlotInfo> info = parts_.arena.info(slot);
  if (!info || info->ns != ns || info->geometry != geometry) return kNoSlot;
  return tokens == 0 || info->tokens == tokens ? slot : kNoSlot;
}

session::Attached Engines::attach(session::SessionId id, const session::Attach& request) {
  if (request.abi != BATON_ABI_VERSION) {
    return refused(BATON_ERR_VERSION, "engine library and service have different versions: install the same one");
  }
  if (const char* wrong = request.geometry.refusal()) return refused(BATON_ERR_GEOMETRY, wrong);
  for (const auto& [other_id, other] : sessions_) {
    if (other.engine.engine == request.engine) {
      return refused(BATON_ERR_NAME_TAKEN, "another engine is attached as " + request.engine + ": name each differently");
    }
    if (other.engine.ns == request.ns && !(other.engine.geometry == request.geometry)) {
      return refused(BATON_ERR_GEOMETRY, "one namespace, two geometries: " + other.engine.engine + " has " +
                                              other.engine.geometry.text() + ", " + request.engine + " has " +
                                              request.geometry.text() + ": install the same Baton for both");
    }
  }
  if (sessions_.size() >= limits::kSessionsMax) return refused(BATON_ERR_FULL, "too many engines are attached");
  sessions_[id].engine = request;
  event(request, true);
  session::Attached answer{};
  answer.status = BATON_OK;
  answer.abi = BATON_ABI_VERSION;
  answer.incarnation = parts_.arena.incarnation();
  answer.file_bytes = parts_.arena.file_bytes();
  return answer;
}

void Engines::event(const session::Attach& engine, bool attached) {
  parts_.counters.sessions_up = sessions_.size();
  parts_.mailbox.attachment({engine.engine, engine.ns, engine.geometry, engine.pid, attached});
  parts_.publish_soon();
}

int32_t Engines::not_live(const TicketId& id) {
  const bool known = parts_.tickets->find_ended(id) != nullptr;
  ++(known ? parts_.counters.refused_ended : parts_.counters.refused_unknown);
  return known ? BATON_ERR_ENDED : BATON_ERR_UNKNOWN;
}

Ticket* Engines::ticket_to_fill(const session::Attach& engine, const TicketId& id, int32_t& code) {
  Ticket* ticket = parts_.tickets->find(id);
  if (ticket == nullptr) {
    // Settled: the target has all it needs, so there is nothing to gather.
    const EndedTicket* past = parts_.tickets->find_ended(id);
    const bool needless = past != nullptr && past->role == 's' && past->state == TicketState::settled;
    code = needless && past->source_engine == engine.engine ? BATON_HELD : not_live(id);
    return nullptr;
  }
  if (ticket->fills_here() && ticket->source_engine == engine.engine && ticket->ns == engine.ns) return ticket;
  ++parts_.counters.refused_foreign;
  code = BATON_ERR_FOREIGN;
  return nullptr;
}

Ticket* Engines::ticket_to_load(const session::Attach& engine, const TicketId& id, int32_t& code) {
  Ticket* ticket = parts_.tickets->find(id);
  if (ticket == nullptr) {
    code = not_live(id);
    return nullptr;
  }
  if (ticket->role != 's' && ticket->engine == engine.engine && ticket->ns == engine.ns) return ticket;
  ++parts_.counters.refused_foreign;
  code = BATON_ERR_FOREIGN;
  return nullptr;
}

session::Accepted Engines::accept_ended(const session::Attach& engine, const session::Accept& request) {
  const EndedTicket* past = parts_.tickets->find_ended(request.ticket);
  if (past == nullptr || past->role != 's' || past->state != TicketState::settled) return {not_live(request.ticket), {}};
  if (past->source_engine != engine.engine) {
    ++parts_.counters.refused_foreign;
    return {BATON_ERR_FOREIGN, {}};
  }
  const bool same = past->last_key == request.last_key && past->chunks == request.chunks &&
                    past->total_tokens == request.total_tokens;
  if (!same) return {BATON_ERR_MISMATCH, {}};
  return {BATON_OK, std::vector<uint8_t>(request.chunks, 0)};
}

session::Accepted Engines::accept(session::SessionId id, const session::Accept& request) {
  const session::Attach& engine = sessions_.at(id).engine;
  if (parts_.tickets->find(request.ticket) == nullptr) return accept_ended(engine, request);
  int32_t code = BATON_OK;
  Ticket* ticket = ticket_to_fill(engine, request.ticket, code);
  if (ticket == nullptr) return {code, {}};
  if (ticket->chunks.size() != request.chunks || ticket->chunks.back().chunk.key != request.last_key ||
      ticket->total_tokens() != request.total_tokens) {
    parts_.tickets->fail(*ticket, Reason::key_mismatch, true);
    return {BATON_ERR_MISMATCH, {}};
  }
  session::Accepted answer{BATON_OK, {}};
  for (uint32_t i = 0; i < request.chunks; ++i) {
    TicketChunk& c = ticket->chunks[i];
    bool need = c.needed && !c.done;
    if (need && ticket->role == 's' && c.slot == kNoSlot && parts_.tickets->hold(*ticket, i)) ticket->source->ready_all(i);
    if (ticket->role == 's') need = need && (c.slot == kNoSlot || c.filling);
    answer.need.push_back(need);
  }
  if (ticket->role == 's') parts_.lanes->more(*ticket);
  return answer;
}

session::Ticket Engines::watch(session::SessionId id, const session::Watch& request) {
  Session& session = sessions_.at(id);
  int32_t code = BATON_OK;
  Ticket* ticket = ticket_to_load(session.engine, request.ticket, code);
  if (ticket != nullptr) {
    ticket->watcher = id;
    return progress(*ticket);
  }
  session::Ticket answer{};
  answer.ticket = request.ticket;
  answer.status = code;
  if (const EndedTicket* past = parts_.tickets->find_ended(request.ticket); past != nullptr && code == BATON_ERR_ENDED) {
    answer.state = past->state;
    answer.reason = past->reason;
  }
  return answer;
}

void Engines::push(const Ticket& ticket) {
  if (server_ != nullptr && sessions_.contains(ticket.watcher)) server_->push(ticket.watcher, progress(ticket));
}

void Engines::forget(session::SessionId id, const session::Forget& request) {
  Ticket* ticket = parts_.tickets->find(request.ticket);
  if (ticket != nullptr && ticket->watcher == id) ticket->watcher = 0;
}

session::Slot Engines::fill(session::SessionId id, const session::Fill& request) {
  return parts_.fill_table->begin(id, sessions_.at(id).engine, request);
}

void Engines::abandon(session::SessionId id, const session::Abandon& message) { parts_.fill_table->give_up(id, message); }

void Engines::announce(session::SessionId id, const session::Announce& message) {
  parts_.fill_table->announce(id, message);
}

// A ticket's own slots come first: after a double seal its chunk is not the one that the directory finds.
// `from`: keys come in the order of the ticket's chunks, so each is looked for behind the one before.
SlotId Engines::claimable(const Ticket* ticket, size_t& from, const Key& key, const session::Attach& engine) const {
  for (size_t i = from; ticket != nullptr && i < ticket->chunks.size(); ++i) {
    const TicketChunk& c = ticket->chunks[i];
    if (!c.done || c.corrupt || c.slot == kNoSlot || c.chunk.key != key) continue;
    from = i + 1;
    return c.slot;
  }
  return held(key, engine.ns, engine.geometry, 0);
}

session::Claimed Engines::claim(session::SessionId id, const session::Claim& request) {
  Session& session = sessions_.at(id);
  session::Claimed answer{};
  Ticket* ticket = nullptr;
  if (request.has_ticket) {
    ticket = ticket_to_load(session.engine, request.ticket, answer.status);
    // What landed of an ended ticket is here by its key like any other chunk.
    if (ticket == nullptr && answer.status != BATON_ERR_ENDED) return answer;
  }
  answer.status = BATON_OK;
  if (session.claims.size() >= limits::kClaimsPerSessionMax) {
    answer.status = BATON_ERR_FULL;
    return answer;
  }
  std::vector<SlotId> slots;
  size_t from = 0;
  for (const Key& key : request.keys) {
    const SlotId slot = claimable(ticket, from, key, session.engine);
    if (slot == kNoSlot) break;
    parts_.arena.pin(slot);
    slots.push_back(slot);
    const std::optional<SlotInfo> info = parts_.arena.info(slot);
    answer.slots.push_back({slot, info->generation, info->tokens, info->offset});
  }
  answer.claim = ++claims_;
  session.claims.emplace(answer.claim, std::move(slots));
  ++parts_.counters.claims;
  if (ticket != nullptr) parts_.tickets->claimed(*ticket);
  return answer;
}

void Engines::release(session::SessionId id, const session::Release& message) {
  auto& claims = sessions_.at(id).claims;
  const auto it = claims.find(message.claim);
  if (it == claims.end()) {
    ++parts_.counters.late_messages;
    return;
  }
  unpin(it->second);
  claims.erase(it);
  parts_.publish_soon();
}

// The last first: of a chain that is evicted bit by bit, its beginning is worth most.
void Engines::unpin(const std::vector<SlotId>& chain) {
  for (auto slot = chain.rbegin(); slot != chain.rend(); ++slot) parts_.arena.unpin(*slot);
}

void Engines::scattered(session::SessionId id, const session::Scattered& message) {
  Ticket* ticket = parts_.tickets->find(message.ticket);
  const std::string& engine = sessions_.at(id).engine.engine;
  if (ticket == nullptr || ticket->engine != engine || ticket->layers.size() != message.stamps_ns.size()) {
    ++parts_.counters.late_messages;
    return;
  }
  for (size_t l = 0; l < message.stamps_ns.size(); ++l) {
    uint64_t& stamp = ticket->layers[l].scattered_ns;
    stamp = std::max(stamp, message.stamps_ns[l]);
  }
  parts_.tickets->changed(*ticket);
}

void Engines::corrupt(session::SessionId, const session::Corrupt& message) {
  if (parts_.arena.stale(message.slot, message.generation)) {
    ++parts_.counters.late_messages;
    return;
  }
  ++parts_.counters.corrupt_reported;
  parts_.arena.drop(message.slot);
  parts_.tickets->corrupt(message.slot);
  parts_.publish_soon();
}

void Engines::quiesced(session::SessionId id, const session::Quiesced& message) {
  if (message.before < parts_.arena.incarnation()) return;
  parts_.arena.confirmed(sessions_.at(id).engine.pid);
  parts_.publish_soon();
}

void Engines::ended(session::SessionId id) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end()) return;
  Session session = std::move(it->second);
  sessions_.erase(it);
  left_.emplace(id, std::move(session.claims));
  parts_.tickets->engine_gone(session.engine.engine, session.engine.ns);
  parts_.fill_table->session_ended(id);
  event(session.engine, false);
}

void Engines::gone(session::SessionId id) {
  const auto it = left_.find(id);
  if (it == left_.end()) return;
  for (const auto& [claim, slots] : it->second) unpin(slots);
  left_.erase(it);
  parts_.fill_table->session_gone(id);
  parts_.publish_soon();
}

}  // namespace baton
