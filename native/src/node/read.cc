#include "node/read.h"

#include <span>
#include <string>

namespace baton::node {
namespace {

[[noreturn]] void wrong(Napi::Env env, const std::string& name, const char* expected) {
  throw Napi::TypeError::New(env, name + " must be " + expected);
}

Napi::Value field(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  if (value.IsUndefined()) wrong(object.Env(), name, "given");
  return value;
}

double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsNumber()) wrong(object.Env(), name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

template <class Unsigned>
Unsigned whole(const Napi::Object& object, const char* name) {
  const double value = number(object, name);
  if (!(value >= 0) || value > static_cast<double>(UINT64_C(1) << 53) || value != static_cast<double>(static_cast<uint64_t>(value)) ||
      static_cast<uint64_t>(value) > std::numeric_limits<Unsigned>::max()) {
    wrong(object.Env(), name, "a whole number in range");
  }
  return static_cast<Unsigned>(value);
}

std::string text(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsString()) wrong(object.Env(), name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

bool flag(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsBoolean()) wrong(object.Env(), name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

std::span<const uint8_t> bytes(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    wrong(value.Env(), name, "a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

template <class Bytes>
Bytes fixed(const Napi::Value& value, const char* name) {
  const auto from = bytes(value, name);
  Bytes to;
  if (from.size() != to.size()) wrong(value.Env(), name, "of its fixed length");
  std::copy(from.begin(), from.end(), to.begin());
  return to;
}

std::vector<Chunk> chunks(const Napi::Object& request) {
  const auto keys = bytes(field(request, "keys"), "keys");
  const Napi::Value counts = field(request, "tokens");
  if (!counts.IsTypedArray() || counts.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    wrong(request.Env(), "tokens", "a Uint32Array");
  }
  const auto tokens = counts.As<Napi::Uint32Array>();
  if (keys.size() != tokens.ElementLength() * BATON_KEY_BYTES) wrong(request.Env(), "keys", "32 bytes for each of tokens");
  std::vector<Chunk> all(tokens.ElementLength());
  for (size_t i = 0; i < all.size(); ++i) {
    std::copy_n(keys.begin() + static_cast<ptrdiff_t>(i * BATON_KEY_BYTES), BATON_KEY_BYTES, all[i].key.begin());
    all[i].tokens = tokens[i];
  }
  return all;
}

}  // namespace

uint32_t read_u32(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) wrong(value.Env(), name, "a number");
  return value.As<Napi::Number>().Uint32Value();
}

TicketId read_ticket(const Napi::Value& value) { return fixed<TicketId>(value, "ticket"); }

BusOptions read_options(const Napi::Object& o) {
  BusOptions options;
  options.node = text(o, "node");
  options.arena.path = text(o, "arenaPath");
  options.arena.bytes = whole<uint64_t>(o, "arenaBytes");
  options.arena.slots_max = whole<uint32_t>(o, "slotsMax");
  options.arena.prefault = flag(o, "prefault");
  options.socket_path = text(o, "socketPath");
  options.lane_host = text(o, "laneHost");
  options.lane_port = whole<uint16_t>(o, "lanePort");
  const Napi::Value keys = field(o, "clusterKeys");
  if (!keys.IsArray()) wrong(o.Env(), "clusterKeys", "an array of Uint8Array");
  const auto list = keys.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const auto key = bytes(list.Get(i), "clusterKeys");
    options.cluster_keys.emplace_back(key.begin(), key.end());
  }
  options.lane_silence_ms = whole<uint32_t>(o, "laneSilenceMs");
  options.lane_connect_ms = whole<uint32_t>(o, "laneConnectMs");
  options.ticket_share_max = number(o, "ticketShareMax");
  options.verify = flag(o, "verify");
  return options;
}

OpenTicket read_open(const Napi::Object& o) {
  OpenTicket open;
  open.ticket = read_ticket(field(o, "ticket"));
  open.engine = text(o, "engine");
  open.ns = fixed<Namespace>(field(o, "namespace"), "namespace");
  open.chunks = chunks(o);
  open.source_node = text(o, "sourceNode");
  open.source_engine = text(o, "sourceEngine");
  open.lease_ms = whole<uint32_t>(o, "leaseMs");
  return open;
}

ExpectTicket read_expect(const Napi::Object& o) {
  ExpectTicket expect;
  expect.ticket = read_ticket(field(o, "ticket"));
  expect.engine = text(o, "engine");
  expect.ns = fixed<Namespace>(field(o, "namespace"), "namespace");
  expect.chunks = chunks(o);
  const auto need = bytes(field(o, "need"), "need");
  expect.need.assign(need.begin(), need.end());
  expect.epoch = whole<uint32_t>(o, "epoch");
  expect.target_node = text(o, "targetNode");
  expect.target_host = text(o, "targetHost");
  expect.target_port = whole<uint16_t>(o, "targetPort");
  expect.lease_ms = whole<uint32_t>(o, "leaseMs");
  return expect;
}

}  // namespace baton::node
