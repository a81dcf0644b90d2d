#pragma once
// Names used by every layer: keys, tickets, digests and what a chunk looks like in memory.
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "baton.h"

namespace baton {

using Key = std::array<uint8_t, BATON_KEY_BYTES>;          // names a chunk
using Namespace = std::array<uint8_t, BATON_KEY_BYTES>;    // SHA-256 of a namespace encoding
using TicketId = std::array<uint8_t, BATON_TICKET_BYTES>;  // 128 random bits
using Digest = std::array<uint8_t, BATON_DIGEST_BYTES>;    // XXH3-128, canonical (big-endian) bytes

// Keys and tickets are uniformly random bytes, so their first word is a good hash.
struct FirstWord {
  template <class Bytes>
  size_t operator()(const Bytes& bytes) const {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    return static_cast<size_t>(word);
  }
};

// What one layer of a namespace caches; every layer is alike. Sizes in bytes.
struct Geometry {
  uint32_t layers = 0, heads = 0, planes = 0;
  std::array<uint32_t, BATON_PLANES_MAX> plane_bytes{};
  uint32_t chunk_tokens = 0;

  bool operator==(const Geometry&) const = default;
  uint32_t stripes() const { return layers * heads; }
  uint64_t token_bytes() const {  // one layer, one head, one token
    uint64_t sum = 0;
    for (uint32_t p = 0; p < planes; ++p) sum += plane_bytes[p];
    return sum;
  }
  uint64_t stripe_bytes(uint32_t tokens) const { return token_bytes() * tokens; }
  uint64_t payload_bytes(uint32_t tokens) const { return stripe_bytes(tokens) * stripes(); }
  // Null when the geometry can be served, else what is wrong with it.
  const char* refusal() const;
  std::string text() const;  // for people
};

struct Chunk {
  Key key{};
  uint32_t tokens = 0;
};

// States of a ticket, in this order on every wire (docs/wire.md).
enum class TicketState : uint8_t {
  none = 0, reserved = 1, streaming = 2, landed = 3, claimed = 4, settled = 5, aborted = 6, expired = 7, failed = 8
};
inline bool ended(TicketState s) { return s >= TicketState::settled; }

// Why a ticket was refused or has failed; numbers are wire values (docs/errors.md).
enum class Reason : uint8_t {
  none = 0,
  source_full = 1,      // no slot at the source when a chunk was to be gathered
  target_full = 2,      // Open found no room
  too_large = 3,        // the prompt exceeds the configured share of the arena
  no_attachment = 4,    // no engine of that name and namespace is attached
  key_mismatch = 5,     // engine and router derive different keys
  digest_mismatch = 6,  // bytes stayed wrong after the bounded number of resends
  lane_lost = 7,        // no lane to the peer within the bound
  lane_refused = 8,     // the peer refused the hello (wrong key, wrong node, wrong incarnation)
  engine_gone = 9,      // the engine's session ended
  peer_failed = 10,     // the other end failed the ticket
  fill_aborted = 11,    // the engine gave the fill up
  unknown_ticket = 12, foreign_ticket = 13, ended_ticket = 14,
  duplicate_ticket = 15,
  stopping = 16,        // the service drains or stops
  malformed = 17,
  busy = 18             // a bound on concurrent tickets is reached
};

}  // namespace baton
