#include "support/random_messages.h"

namespace baton::test {
namespace {

using namespace session;

constexpr const char* kNameLetters = "ABCXYZabcxyz0189._-";
constexpr const char* kTextLetters = "abc :\n\"\x7f";

void number(Random& random, auto& value) {
  value = static_cast<std::remove_cvref_t<decltype(value)>>(random());
}

template <class... T>
void numbers(Random& random, T&... values) {
  (number(random, values), ...);
}

void ticket(Random& random, auto& m) {
  m.has_ticket = random() % 2 == 0;
  if (m.has_ticket) random.fill(m.ticket);
}

void set(Random& r, Attach& m) {
  numbers(r, m.abi, m.pid, m.geometry.layers, m.geometry.heads, m.geometry.planes, m.geometry.chunk_tokens);
  for (auto& bytes : m.geometry.plane_bytes) number(r, bytes);
  m.engine = r.text(kNameLetters, 1 + r() % BATON_NAME_MAX);
  r.fill(m.ns);
}
void set(Random& r, Attached& m) {
  numbers(r, m.status, m.abi, m.incarnation, m.file_bytes);
  m.message = r.text(kTextLetters, r() % 40);
}
void set(Random& r, Accept& m) {
  r.fill(m.ticket);
  r.fill(m.last_key);
  numbers(r, m.chunks, m.total_tokens);
}
void set(Random& r, Accepted& m) {
  number(r, m.status);
  m.need.resize(r() % 20);
  for (auto& need : m.need) need = r() % 2;
}
void set(Random& r, Watch& m) { r.fill(m.ticket); }
void set(Random& r, Ticket& m) {
  r.fill(m.ticket);
  m.state = static_cast<TicketState>(r() % 9);
  m.reason = static_cast<Reason>(r() % 256);
  numbers(r, m.status, m.chunks_landed);
}
void set(Random& r, Forget& m) { r.fill(m.ticket); }
void set(Random& r, Fill& m) {
  ticket(r, m);
  r.fill(m.key);
  numbers(r, m.chunk, m.tokens);
}
void set(Random& r, Slot& m) { numbers(r, m.status, m.slot, m.generation, m.offset, m.fill); }
void set(Random& r, Abandon& m) { numbers(r, m.slot, m.generation, m.fill); }
void set(Random& r, Announce& m) {
  numbers(r, m.layer, m.computed_ns);
  m.slots.resize(r() % 8);
  for (auto& slot : m.slots) numbers(r, slot.slot, slot.generation);
}
void set(Random& r, Claim& m) {
  ticket(r, m);
  m.keys.resize(r() % 5);
  for (auto& key : m.keys) r.fill(key);
}
void set(Random& r, Claimed& m) {
  numbers(r, m.status, m.claim);
  m.slots.resize(r() % 6);
  for (auto& slot : m.slots) numbers(r, slot.slot, slot.generation, slot.tokens, slot.offset);
}
void set(Random& r, Release& m) { number(r, m.claim); }
void set(Random& r, Scattered& m) {
  r.fill(m.ticket);
  m.stamps_ns.resize(r() % 8);
  for (auto& stamp : m.stamps_ns) number(r, stamp);
}
void set(Random& r, Corrupt& m) { numbers(r, m.slot, m.generation, m.stripe); }
void set(Random& r, Failed& m) { number(r, m.status); }
void set(Random& r, Quiesced& m) { number(r, m.before); }

template <size_t... I>
Message nth(Random& random, size_t index, std::index_sequence<I...>) {
  Message message;
  ((I == index ? set(random, message.emplace<I>()) : void()), ...);
  return message;
}

}  // namespace

Message random_message(Random& random, size_t type) {
  return nth(random, type - 1, std::make_index_sequence<std::variant_size_v<Message>>());
}

}  // namespace baton::test
