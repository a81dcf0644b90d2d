#include "node/client.h"

#include <optional>
#include <utility>
#include <vector>

#include "node/convert.h"

namespace baton::reference::node {
namespace {

using Ticket = std::array<uint8_t, BATON_TICKET_BYTES>;

Ticket ticket_of(const Napi::Value& value) { return fixed_bytes<BATON_TICKET_BYTES>(value, "ticket"); }

std::optional<Ticket> maybe_ticket(const Napi::Value& value) {
  return value.IsNull() ? std::nullopt : std::optional(ticket_of(value));
}

std::vector<uint8_t> keys_of(const Napi::Value& value) {
  std::vector<uint8_t> keys = bytes(value, "keys");
  if (keys.size() % BATON_KEY_BYTES != 0)
    throw Napi::TypeError::New(value.Env(), "keys: expected n × 32 bytes");
  return keys;
}

uint32_t count(const std::vector<uint8_t>& keys) {
  return static_cast<uint32_t>(keys.size() / BATON_KEY_BYTES);
}

Napi::Object answer(Napi::Env env, int status) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("status", Napi::Number::New(env, status));
  return out;
}

}  // namespace

Napi::Function ClientObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeBatonClient",
      {InstanceMethod<&ClientObject::alive>("alive"),
       InstanceMethod<&ClientObject::incarnation>("incarnation"),
       InstanceMethod<&ClientObject::lookup>("lookup"),
       InstanceMethod<&ClientObject::ticket_accept>("ticketAccept"),
       InstanceMethod<&ClientObject::ticket_poll>("ticketPoll"),
       InstanceMethod<&ClientObject::ticket_forget>("ticketForget"),
       InstanceMethod<&ClientObject::fill_begin>("fillBegin"),
       InstanceMethod<&ClientObject::fill_abort>("fillAbort"), InstanceMethod<&ClientObject::claim>("claim"),
       InstanceMethod<&ClientObject::release>("release"), InstanceMethod<&ClientObject::counters>("counters"),
       InstanceMethod<&ClientObject::detach>("detach")});
}

void ClientObject::own(Client client, uint32_t chunk_tokens) {
  client_ = std::move(client);
  chunk_tokens_ = chunk_tokens;
}

Napi::Value ClientObject::alive(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), client_ && baton_alive(client_.get()) == BATON_OK);
}

Napi::Value ClientObject::incarnation(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), client_ ? baton_incarnation(client_.get()) : uint64_t{0});
}

Napi::Value ClientObject::lookup(const Napi::CallbackInfo& info) {
  const std::vector<uint8_t> keys = keys_of(info[0]);
  uint32_t held = 0;
  if (client_ && baton_lookup(client_.get(), keys.data(), count(keys), &held) != BATON_OK) held = 0;
  return Napi::Number::New(info.Env(), held);
}

Napi::Value ClientObject::ticket_accept(const Napi::CallbackInfo& info) {
  const Ticket ticket = ticket_of(info[0]);
  const std::vector<uint8_t> keys = keys_of(info[1]);
  const uint32_t tokens = number_u32(info[2], "totalTokens");
  std::vector<uint8_t> need(count(keys), 0);
  const int status = client_ ? baton_ticket_accept(client_.get(), ticket.data(), keys.data(), count(keys),
                                                   tokens, need.data())
                             : BATON_ERR_CLOSED;
  Napi::Object out = answer(info.Env(), status);
  out.Set("need", to_bytes(info.Env(), need.data(), need.size()));
  return out;
}

Napi::Value ClientObject::ticket_poll(const Napi::CallbackInfo& info) {
  const Ticket ticket = ticket_of(info[0]);
  const int status = client_ ? baton_ticket_poll(client_.get(), ticket.data()) : BATON_ERR_CLOSED;
  return Napi::Number::New(info.Env(), status);
}

void ClientObject::ticket_forget(const Napi::CallbackInfo& info) {
  const Ticket ticket = ticket_of(info[0]);
  if (client_) baton_ticket_forget(client_.get(), ticket.data());
}

Napi::Value ClientObject::fill_begin(const Napi::CallbackInfo& info) {
  const std::optional<Ticket> ticket = maybe_ticket(info[0]);
  const auto key = fixed_bytes<BATON_KEY_BYTES>(info[1], "key");
  const uint32_t chunk = number_u32(info[2], "chunk"), tokens = number_u32(info[3], "tokens");
  baton_slot slot{};
  const int status = client_ ? baton_fill_begin(client_.get(), ticket ? ticket->data() : nullptr, key.data(),
                                                chunk, tokens, &slot)
                             : BATON_ERR_CLOSED;
  Napi::Object out = answer(info.Env(), status);
  out.Set("slot", to_bytes(info.Env(), &slot, sizeof slot));
  return out;
}

void ClientObject::fill_abort(const Napi::CallbackInfo& info) {
  const baton_slot given = slot(info[0]);
  if (client_) baton_fill_abort(client_.get(), &given);
}

Napi::Value ClientObject::claim(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::optional<Ticket> ticket = maybe_ticket(info[0]);
  const std::vector<uint8_t> keys = keys_of(info[1]);
  std::vector<baton_slot> slots(count(keys));
  uint32_t claimed = 0;
  uint64_t claim = 0;
  const int status = client_ ? baton_claim(client_.get(), ticket ? ticket->data() : nullptr, keys.data(),
                                           count(keys), slots.data(), &claimed, &claim)
                             : BATON_ERR_CLOSED;
  Napi::Array list = Napi::Array::New(env, claimed);
  for (uint32_t i = 0; i < claimed; ++i) list.Set(i, to_bytes(env, &slots[i], sizeof slots[i]));
  Napi::Object out = answer(env, status);
  out.Set("slots", list);
  out.Set("claim", Napi::BigInt::New(env, claim));
  return out;
}

void ClientObject::release(const Napi::CallbackInfo& info) {
  bool exact = false;
  if (!info[0].IsBigInt()) throw Napi::TypeError::New(info.Env(), "claim: expected a bigint");
  const uint64_t claim = info[0].As<Napi::BigInt>().Uint64Value(&exact);
  if (client_ && exact) baton_release(client_.get(), claim);
}

Napi::Value ClientObject::counters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  baton_counters counters{};
  counters.struct_size = sizeof counters;
  if (client_) baton_client_counters(client_.get(), &counters);
  Napi::Object out = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) {
    out.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  set("rpcs", counters.rpcs);
  set("rpc_timeouts", counters.rpc_timeouts);
  set("gathered_bytes", counters.gathered_bytes);
  set("scattered_bytes", counters.scattered_bytes);
  set("digest_failures", counters.digest_failures);
  set("late_messages", counters.late_messages);
  return out;
}

void ClientObject::detach(const Napi::CallbackInfo&) { client_.reset(); }

}  // namespace baton::reference::node
