#pragma once
// Heads of lane frames (docs/wire.md §Lane): a fixed header, then a body (digests of a run, entries of an ack, …). The
// payload of a run follows and is no part of the head. A head is trusted only when its checksum, keyed with the
// connection's secret, is right.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/limits.h"
#include "path/path.h"

namespace baton::path::tcp {

enum class FrameType : uint8_t { ready = 1, run = 2, ack = 3, cancel = 4, quiesced = 5, ping = 6, pong = 7 };

inline constexpr uint32_t kMagic = 0x4e4c5442;  // "BTLN"
inline constexpr uint16_t kVersion = 1;
inline constexpr size_t kHeaderBytes = 72;
inline constexpr size_t kAckBytes = 36;
inline constexpr size_t kDigestsMax = (limits::kLaneFrameHeadBytesMax - kHeaderBytes) / sizeof(Digest);
inline constexpr size_t kAcksMax = (limits::kLaneFrameHeadBytesMax - kHeaderBytes) / kAckBytes;

using Secret = std::array<uint8_t, 192>;  // one direction of one connection; a secret of XXH3

struct Frame {
  FrameType type{};
  uint64_t sequence = 0;          // counts every frame of one direction, from 1
  TicketId ticket{};
  uint32_t epoch = 0, chunk = 0, stripe_first = 0, stripe_count = 0;
  uint64_t length = 0;            // of the payload
  std::span<const uint8_t> body;  // inside the head it was decoded from
};

struct Ack {
  TicketId ticket{};
  uint32_t epoch = 0, chunk = 0, stripe_first = 0, stripe_count = 0;
  Landing landing = Landing::ok;
  Reason reason = Reason::none;
};

// Appends a whole head; its checksum is set by seal(), once it is known when the frame goes out.
void encode(const Frame&, std::vector<uint8_t>& head);
void seal(std::span<uint8_t> head, uint64_t sequence, const Secret&);

// Length of the head that begins with these kHeaderBytes; 0 when it cannot be one.
size_t head_bytes(const uint8_t* header);
// Nothing unless the checksum is right and every size agrees with the type.
std::optional<Frame> decode(std::span<const uint8_t> head, const Secret&);

void encode_ack(const Ack&, std::vector<uint8_t>& body);
std::optional<Ack> decode_ack(std::span<const uint8_t> entry);

// Little-endian numbers of small bodies.
template <class T>
void put(std::vector<uint8_t>& out, T value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}
template <class T>
T get(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace baton::path::tcp
