#pragma once
// Messages and proofs of the lane's hello (docs/wire.md §Lane): both ends prove a cluster key over both nonces, both
// node names and both incarnations; the secrets that key the frames' checksums come out of the same transcript.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hmac.h"
#include "base/limits.h"
#include "path/tcp/frame.h"

namespace baton::path::tcp {

using Nonce = std::array<uint8_t, 32>;
using Bytes = std::vector<uint8_t>;

enum class HelloType : uint16_t { hello = 1, challenge = 2, proof = 3, verdict = 4 };
inline constexpr size_t kHelloHeaderBytes = 12;

enum class Refusal : uint8_t { none = 0, wrong_key = 1, wrong_node = 2, wrong_incarnation = 3, busy = 4 };

struct Hello {                     // dialler → listener
  std::string node, target;        // own name, whom it wants
  uint64_t incarnation = 0;
  uint64_t target_incarnation = 0; // 0: any
  Nonce nonce{};
};
struct Challenge {                 // listener → dialler
  std::string node;
  uint64_t incarnation = 0;
  Nonce nonce{};
  bool keyed = false;
  Mac mac{};                       // zero when not keyed; stands last
};
struct Proof { Mac mac{}; };       // dialler → listener
struct Verdict { Refusal refusal = Refusal::none; };

Bytes encode(const Hello&);
Bytes encode(const Challenge&);
Bytes encode(const Proof&);
Bytes encode(const Verdict&);

// Length of the whole message whose first kHelloHeaderBytes these are; 0 when it cannot be one.
size_t hello_bytes(const uint8_t* header);
HelloType hello_type(std::span<const uint8_t> message);
std::optional<Hello> decode_hello(std::span<const uint8_t> message);
std::optional<Challenge> decode_challenge(std::span<const uint8_t> message);
std::optional<Proof> decode_proof(std::span<const uint8_t> message);
std::optional<Verdict> decode_verdict(std::span<const uint8_t> message);

// The listener proves over hello ‖ challenge without its mac, the dialler over hello ‖ challenge.
Mac listener_mac(std::span<const uint8_t> key, std::span<const uint8_t> hello, std::span<const uint8_t> challenge);
Mac dialler_mac(std::span<const uint8_t> key, std::span<const uint8_t> hello, std::span<const uint8_t> challenge);

struct Secrets { Secret from_dialler{}, from_listener{}; };
// `key`: the one the dialler proved, empty without keys; then the nonces are a salt and the checksum only a checksum.
Secrets lane_secrets(std::span<const uint8_t> key, std::span<const uint8_t> hello, std::span<const uint8_t> challenge);

}  // namespace baton::path::tcp
