#pragma once
// Reads the data of engines/reference/native.ts from JavaScript. Everything is checked; a wrong field throws
// a TypeError that names it.
#include <napi.h>

#include <array>
#include <string>
#include <vector>

#include "connector/load.h"
#include "step/step.h"

namespace baton::reference::node {

struct AttachRequest {
  std::string socket_path, engine;
  std::array<uint8_t, BATON_KEY_BYTES> namespace_digest{};
  uint32_t chunk_tokens = 0, timeout_ms = 0;
};

ModelOptions model_options(const Napi::Value&);
AttachRequest attach_request(const Napi::Value&);
// Without their clients.
StepRequest step_request(const Napi::Value& sequences);
LoadRequest load_request(const Napi::Value&);

// Bytes of a Uint8Array of exactly `size` bytes (any size when 0), copied.
std::vector<uint8_t> bytes(const Napi::Value&, const char* what, size_t size = 0);
template <size_t kSize>
std::array<uint8_t, kSize> fixed_bytes(const Napi::Value& value, const char* what) {
  const std::vector<uint8_t> copy = bytes(value, what, kSize);
  std::array<uint8_t, kSize> out;
  std::copy(copy.begin(), copy.end(), out.begin());
  return out;
}
std::vector<uint32_t> words(const Napi::Value&, const char* what);
uint32_t number_u32(const Napi::Value&, const char* what);
baton_slot slot(const Napi::Value&);

Napi::Uint8Array to_bytes(Napi::Env, const void* from, size_t size);
Napi::Int32Array to_ints(Napi::Env, const std::vector<int32_t>&);
// A JavaScript Error whose `code` is the name of a baton code.
Napi::Error baton_error(Napi::Env, int code, const std::string& message);

}  // namespace baton::reference::node
