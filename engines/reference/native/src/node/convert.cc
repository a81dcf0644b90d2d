#include "node/convert.h"

#include <cmath>
#include <cstring>

#include "base/limits.h"

namespace baton::reference::node {
namespace {

[[noreturn]] void wrong(Napi::Env env, const char* what, const std::string& expected) {
  throw Napi::TypeError::New(env, std::string(what) + ": expected " + expected);
}

Napi::Object object(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) wrong(value.Env(), what, "an object");
  return value.As<Napi::Object>();
}

double number(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue())) {
    wrong(from.Env(), name, "a finite number");
  }
  return value.As<Napi::Number>().DoubleValue();
}

// A whole number that a double holds exactly; negative ones wrap.
uint64_t seed(const Napi::Object& from, const char* name) {
  const double value = number(from, name);
  if (value != std::trunc(value) || std::abs(value) > 0x1p53) wrong(from.Env(), name, "a safe integer");
  return static_cast<uint64_t>(static_cast<int64_t>(value));
}

uint32_t u32(const Napi::Object& from, const char* name) { return number_u32(from.Get(name), name); }

int32_t i32(const Napi::Object& from, const char* name) {
  const double value = number(from, name);
  if (value != std::trunc(value) || std::abs(value) > 0x7fffffff) wrong(from.Env(), name, "a 32-bit integer");
  return static_cast<int32_t>(value);
}

bool boolean(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsBoolean()) wrong(from.Env(), name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

std::string text(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsString()) wrong(from.Env(), name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Array array(const Napi::Value& value, const char* what, uint32_t most) {
  if (!value.IsArray() || value.As<Napi::Array>().Length() > most) {
    wrong(value.Env(), what, "an array of at most " + std::to_string(most));
  }
  return value.As<Napi::Array>();
}

Gather gather(const Napi::Value& value) {
  const Napi::Object from = object(value, "gathers");
  return {.slot = slot(from.Get("slot")),
          .pages = words(from.Get("pages"), "pages"),
          .page_offset = u32(from, "pageOffset")};
}

Sequence sequence(const Napi::Object& from) {
  Sequence out;
  out.tokens = words(from.Get("tokens"), "tokens");
  out.start = u32(from, "start");
  out.end = u32(from, "end");
  out.pages = words(from.Get("pages"), "pages");
  out.sample = boolean(from, "sample");
  out.temperature = number(from, "temperature");
  out.top_p = number(from, "topP");
  out.seed = seed(from, "seed");
  return out;
}

const char* code_name(int code) {
  switch (code) {
    case BATON_ERR_ARGUMENT:
      return "BATON_ERR_ARGUMENT";
    case BATON_ERR_CLOSED:
      return "BATON_ERR_CLOSED";
    case BATON_ERR_TIMEOUT:
      return "BATON_ERR_TIMEOUT";
    case BATON_ERR_VERSION:
      return "BATON_ERR_VERSION";
    case BATON_ERR_GEOMETRY:
      return "BATON_ERR_GEOMETRY";
    case BATON_ERR_PROTOCOL:
      return "BATON_ERR_PROTOCOL";
    case BATON_ERR_NAME_TAKEN:
      return "BATON_ERR_NAME_TAKEN";
    default:
      return "BATON_ERR_UNKNOWN";
  }
}

}  // namespace

uint32_t number_u32(const Napi::Value& value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 0xffffffff) || number != std::trunc(number)) {
    wrong(value.Env(), what, "an integer from 0 to 4294967295");
  }
  return static_cast<uint32_t>(number);
}

std::vector<uint8_t> bytes(const Napi::Value& value, const char* what, size_t size) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    wrong(value.Env(), what, "a Uint8Array");
  }
  const auto from = value.As<Napi::Uint8Array>();
  if (size != 0 && from.ByteLength() != size) wrong(value.Env(), what, std::to_string(size) + " bytes");
  return {from.Data(), from.Data() + from.ByteLength()};
}

std::vector<uint32_t> words(const Napi::Value& value, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    wrong(value.Env(), what, "a Uint32Array");
  }
  const auto from = value.As<Napi::Uint32Array>();
  return {from.Data(), from.Data() + from.ElementLength()};
}

baton_slot slot(const Napi::Value& value) {
  const std::vector<uint8_t> from = bytes(value, "slot", sizeof(baton_slot));
  baton_slot out;
  std::memcpy(&out, from.data(), sizeof out);
  return out;
}

ModelOptions model_options(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  ModelOptions out;
  out.kind = text(from, "kind");
  out.layers = u32(from, "layers");
  out.heads = u32(from, "heads");
  out.head_dim = u32(from, "headDim");
  out.dtype = text(from, "dtype");
  out.vocab = u32(from, "vocab");
  out.seed = seed(from, "seed");
  out.query_heads = u32(from, "queryHeads");
  out.hidden = u32(from, "hidden");
  out.ffn = u32(from, "ffn");
  out.rope_theta = number(from, "ropeTheta");
  out.weights = from.Get("weights").IsNull() ? "" : text(from, "weights");
  out.compute_us_per_layer = number(from, "computeUsPerLayer");
  out.compute_us_per_layer_token = number(from, "computeUsPerLayerToken");
  out.prepare_kv = boolean(from, "prepareKv");
  out.delay_layer = i32(from, "delayLayer");
  out.delay_ms = number(from, "delayMs");
  out.layer_hooks = boolean(from, "layerHooks");
  out.pages = u32(from, "pages");
  out.page_tokens = u32(from, "pageTokens");
  out.threads = u32(from, "threads");
  return out;
}

AttachRequest attach_request(const Napi::Value& value) {
  const Napi::Object from = object(value, "options");
  return {.socket_path = text(from, "socketPath"),
          .engine = text(from, "engine"),
          .namespace_digest = fixed_bytes<BATON_KEY_BYTES>(from.Get("namespace"), "namespace"),
          .chunk_tokens = u32(from, "chunkTokens"),
          .timeout_ms = u32(from, "timeoutMs")};
}

StepRequest step_request(const Napi::Value& sequences) {
  const Napi::Array from = array(sequences, "sequences", limits::kSequencesMax);
  StepRequest out;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::HandleScope scope(from.Env());
    const Napi::Object item = object(from.Get(i), "sequences");
    out.sequences.push_back(sequence(item));
    const Napi::Array gathers = array(item.Get("gathers"), "gathers", limits::kGathersMax);
    std::vector<Gather>& list = out.gathers.emplace_back();
    for (uint32_t g = 0; g < gathers.Length(); ++g) list.push_back(gather(gathers.Get(g)));
  }
  return out;
}

LoadRequest load_request(const Napi::Value& value) {
  const Napi::Object from = object(value, "request");
  LoadRequest out;
  const Napi::Array slots = array(from.Get("slots"), "slots", limits::kLoadSlotsMax);
  for (uint32_t i = 0; i < slots.Length(); ++i) out.slots.push_back(slot(slots.Get(i)));
  const Napi::Array pages = array(from.Get("pages"), "pages", limits::kLoadSlotsMax);
  for (uint32_t i = 0; i < pages.Length(); ++i) out.pages.push_back(words(pages.Get(i), "pages"));
  out.page_offsets = words(from.Get("pageOffsets"), "pageOffsets");
  out.token_counts = words(from.Get("tokenCounts"), "tokenCounts");
  out.verify = boolean(from, "verify");
  const Napi::Value ticket = from.Get("ticket");
  if (!ticket.IsNull()) out.ticket = fixed_bytes<BATON_TICKET_BYTES>(ticket, "ticket");
  out.check = boolean(from, "check");
  return out;
}

Napi::Uint8Array to_bytes(Napi::Env env, const void* from, size_t size) {
  Napi::Uint8Array out = Napi::Uint8Array::New(env, size);
  if (size > 0) std::memcpy(out.Data(), from, size);
  return out;
}

Napi::Int32Array to_ints(Napi::Env env, const std::vector<int32_t>& from) {
  Napi::Int32Array out = Napi::Int32Array::New(env, from.size());
  if (!from.empty()) std::memcpy(out.Data(), from.data(), from.size() * sizeof(int32_t));
  return out;
}

Napi::Error baton_error(Napi::Env env, int code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_name(code)));
  return error;
}

}  // namespace baton::reference::node
