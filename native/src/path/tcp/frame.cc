#include "path/tcp/frame.h"

#include <bit>
#include <cstddef>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace baton::path::tcp {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little endian and is read in place");

struct Header {
  uint32_t magic;
  uint16_t version;
  uint8_t type, zero;
  uint32_t head_bytes, zeros;
  uint64_t sequence, length;
  uint8_t ticket[16];
  uint32_t epoch, chunk, stripe_first, stripe_count;
  uint64_t checksum;
};
static_assert(sizeof(Header) == kHeaderBytes && offsetof(Header, checksum) == kHeaderBytes - 8);

struct AckEntry {
  uint8_t ticket[16];
  uint32_t epoch, chunk, stripe_first, stripe_count;
  uint8_t landing, reason;
  uint16_t zero;
};
static_assert(sizeof(AckEntry) == kAckBytes);

Header header_of(const uint8_t* bytes) {
  Header header;
  std::memcpy(&header, bytes, sizeof header);
  return header;
}

// Of everything in the head but the checksum itself.
uint64_t checksum(std::span<const uint8_t> head, const Secret& secret) {
  const uint64_t body = XXH3_64bits_withSecret(head.data() + kHeaderBytes, head.size() - kHeaderBytes, secret.data(),
                                               secret.size());
  uint8_t covered[kHeaderBytes];
  std::memcpy(covered, head.data(), kHeaderBytes - 8);
  std::memcpy(covered + kHeaderBytes - 8, &body, 8);
  return XXH3_64bits_withSecret(covered, sizeof covered, secret.data(), secret.size());
}

// What a frame of each type must look like, beyond the checksum.
bool sound(const Frame& f) {
  const size_t body = f.body.size();
  if (f.type == FrameType::run) {
    if (f.stripe_count == 0 || f.stripe_count > kDigestsMax || body != f.stripe_count * sizeof(Digest)) return false;
    if (f.stripe_first > limits::kStripesMax || f.length == 0 || f.length % f.stripe_count != 0) return false;
    return f.length <= (f.stripe_count == 1 ? limits::kStripeBytesMax : limits::kRunBytesMax);
  }
  if (f.length != 0) return false;
  switch (f.type) {
    case FrameType::ready: return body == 8;
    case FrameType::ack: return body != 0 && body % kAckBytes == 0;
    case FrameType::cancel:
    case FrameType::quiesced: return body == 4;
    case FrameType::ping: return body == 8;
    case FrameType::pong: return body == 16;
    default: return false;
  }
}

}  // namespace

void encode(const Frame& frame, std::vector<uint8_t>& head) {
  Header header{};
  header.magic = kMagic;
  header.version = kVersion;
  header.type = static_cast<uint8_t>(frame.type);
  header.head_bytes = static_cast<uint32_t>(kHeaderBytes + frame.body.size());
  header.sequence = frame.sequence;
  header.length = frame.length;
  std::memcpy(header.ticket, frame.ticket.data(), sizeof header.ticket);
  header.epoch = frame.epoch;
  header.chunk = frame.chunk;
  header.stripe_first = frame.stripe_first;
  header.stripe_count = frame.stripe_count;
  head.reserve(head.size() + header.head_bytes);
  put(head, header);
  head.insert(head.end(), frame.body.begin(), frame.body.end());
}

void seal(std::span<uint8_t> head, uint64_t sequence, const Secret& secret) {
  std::memcpy(head.data() + offsetof(Header, sequence), &sequence, sizeof sequence);
  const uint64_t sum = checksum(head, secret);
  std::memcpy(head.data() + offsetof(Header, checksum), &sum, sizeof sum);
}

size_t head_bytes(const uint8_t* bytes) {
  const Header header = header_of(bytes);
  const bool known = header.magic == kMagic && header.version == kVersion && header.zero == 0 && header.zeros == 0;
  const bool bounded = header.head_bytes >= kHeaderBytes && header.head_bytes <= limits::kLaneFrameHeadBytesMax;
  return known && bounded ? header.head_bytes : 0;
}

std::optional<Frame> decode(std::span<const uint8_t> head, const Secret& secret) {
  if (head.size() < kHeaderBytes || head_bytes(head.data()) != head.size()) return {};
  const Header header = header_of(head.data());
  if (header.checksum != checksum(head, secret)) return {};
  Frame frame;
  frame.type = static_cast<FrameType>(header.type);
  frame.sequence = header.sequence;
  std::memcpy(frame.ticket.data(), header.ticket, sizeof header.ticket);
  frame.epoch = header.epoch;
  frame.chunk = header.chunk;
  frame.stripe_first = header.stripe_first;
  frame.stripe_count = header.stripe_count;
  frame.length = header.length;
  frame.body = head.subspan(kHeaderBytes);
  if (!sound(frame)) return {};
  return frame;
}

void encode_ack(const Ack& ack, std::vector<uint8_t>& body) {
  AckEntry entry{};
  std::memcpy(entry.ticket, ack.ticket.data(), sizeof entry.ticket);
  entry.epoch = ack.epoch;
  entry.chunk = ack.chunk;
  entry.stripe_first = ack.stripe_first;
  entry.stripe_count = ack.stripe_count;
  entry.landing = static_cast<uint8_t>(ack.landing);
  entry.reason = static_cast<uint8_t>(ack.reason);
  put(body, entry);
}

std::optional<Ack> decode_ack(std::span<const uint8_t> bytes) {
  const auto entry = get<AckEntry>(bytes.data());
  if (entry.landing > static_cast<uint8_t>(Landing::refused) || entry.zero != 0) return {};
  if (entry.reason > static_cast<uint8_t>(Reason::busy)) return {};
  Ack ack;
  std::memcpy(ack.ticket.data(), entry.ticket, sizeof entry.ticket);
  ack.epoch = entry.epoch;
  ack.chunk = entry.chunk;
  ack.stripe_first = entry.stripe_first;
  ack.stripe_count = entry.stripe_count;
  ack.landing = static_cast<Landing>(entry.landing);
  ack.reason = static_cast<Reason>(entry.reason);
  return ack;
}

}  // namespace baton::path::tcp
