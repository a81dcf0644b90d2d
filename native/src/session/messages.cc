#include "session/messages.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/limits.h"
#include "session/fields.h"

namespace baton::session {
namespace {

constexpr size_t kLengthBytes = 4, kHeadBytes = 12;  // the length alone; length, type, zero, request
constexpr size_t kLongestList = size_t{limits::kChunksPerTicketMax} * BATON_KEY_BYTES;
static_assert(kHeadBytes + 64 + kLongestList <= limits::kSessionFrameBytesMax, "a claim of every chunk fits");

// A message's number is its place in the variant.
static_assert(std::is_same_v<std::variant_alternative_t<size_t(Type::attach) - 1, Message>, Attach>);
static_assert(std::is_same_v<std::variant_alternative_t<size_t(Type::slot) - 1, Message>, Slot>);
static_assert(std::is_same_v<std::variant_alternative_t<size_t(Type::failed) - 1, Message>, Failed>);
static_assert(std::is_same_v<std::variant_alternative_t<size_t(Type::quiesced) - 1, Message>, Quiesced>);
static_assert(std::variant_size_v<Message> == size_t(Type::quiesced));

bool name_ok(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// An absent ticket is a zero flag and zero bytes, so that every message has one encoding.
void optional_ticket(auto& io, auto& m) {
  io.flag(m.has_ticket);
  io.bytes(m.ticket);
  io.check(m.has_ticket || m.ticket == TicketId{});
}

void fields(auto& io, Is<Attach> auto& m) {
  io.numbers(m.abi, m.pid);
  io.text(m.engine, BATON_NAME_MAX);
  io.check(name_ok(m.engine));
  io.bytes(m.ns);
  io.numbers(m.geometry.layers, m.geometry.heads, m.geometry.planes);
  for (auto& bytes : m.geometry.plane_bytes) io.numbers(bytes);
  io.numbers(m.geometry.chunk_tokens);
}
void fields(auto& io, Is<Attached> auto& m) {
  io.numbers(m.status, m.abi, m.incarnation, m.file_bytes);
  io.text(m.message, limits::kSessionTextBytesMax);
}
void fields(auto& io, Is<Accept> auto& m) {
  io.bytes(m.ticket);
  io.bytes(m.last_key);
  io.numbers(m.chunks, m.total_tokens);
}
void fields(auto& io, Is<Accepted> auto& m) {
  io.numbers(m.status);
  io.list(m.need, limits::kChunksPerTicketMax, 1, [&](auto& need) {
    io.numbers(need);
    io.check(need <= 1);
  });
}
void fields(auto& io, Is<Watch> auto& m) { io.bytes(m.ticket); }
void fields(auto& io, Is<Ticket> auto& m) {
  io.bytes(m.ticket);
  io.numbers(m.state, m.reason, m.status, m.chunks_landed);
  io.check(m.state <= TicketState::failed);
}
void fields(auto& io, Is<Forget> auto& m) { io.bytes(m.ticket); }
void fields(auto& io, Is<Fill> auto& m) {
  optional_ticket(io, m);
  io.bytes(m.key);
  io.numbers(m.chunk, m.tokens);
}
void fields(auto& io, Is<Slot> auto& m) { io.numbers(m.status, m.slot, m.generation, m.offset, m.fill); }
void fields(auto& io, Is<Abandon> auto& m) { io.numbers(m.slot, m.generation, m.fill); }
void fields(auto& io, Is<Announce> auto& m) {
  io.numbers(m.layer, m.computed_ns);
  io.list(m.slots, limits::kChunksPerTicketMax, 8, [&](auto& ref) { io.numbers(ref.slot, ref.generation); });
}
void fields(auto& io, Is<Claim> auto& m) {
  optional_ticket(io, m);
  io.list(m.keys, limits::kChunksPerTicketMax, BATON_KEY_BYTES, [&](auto& key) { io.bytes(key); });
}
void fields(auto& io, Is<Claimed> auto& m) {
  io.numbers(m.status, m.claim);
  io.list(m.slots, limits::kChunksPerTicketMax, 20,
          [&](auto& slot) { io.numbers(slot.slot, slot.generation, slot.tokens, slot.offset); });
}
void fields(auto& io, Is<Release> auto& m) { io.numbers(m.claim); }
void fields(auto& io, Is<Scattered> auto& m) {
  io.bytes(m.ticket);
  io.list(m.stamps_ns, limits::kLayersMax, 8, [&](auto& stamp) { io.numbers(stamp); });
}
void fields(auto& io, Is<Corrupt> auto& m) { io.numbers(m.slot, m.generation, m.stripe); }
void fields(auto& io, Is<Failed> auto& m) { io.numbers(m.status); }
void fields(auto& io, Is<Quiesced> auto& m) { io.numbers(m.before); }

// Requests and answers carry a request number, one-way messages carry none, `ticket` is both.
bool request_fits(Type type, uint32_t request) {
  switch (type) {
    case Type::ticket:
      return true;
    case Type::forget:
    case Type::abandon:
    case Type::announce:
    case Type::release:
    case Type::scattered:
    case Type::corrupt:
    case Type::quiesced:
      return request == 0;
    default:
      return request != 0;
  }
}

template <size_t... I>
void construct(Message& message, size_t index, std::index_sequence<I...>) {
  ((I == index ? void(message.emplace<I>()) : void()), ...);
}

}  // namespace

void encode(const Frame& frame, std::vector<uint8_t>& out) {
  const size_t start = out.size();
  Writer writer(out);
  writer.numbers(uint32_t{0}, static_cast<uint16_t>(frame.message.index() + 1), uint16_t{0}, frame.request);
  std::visit([&](const auto& message) { fields(writer, message); }, frame.message);
  const auto length = static_cast<uint32_t>(out.size() - start - kLengthBytes);
  std::memcpy(out.data() + start, &length, sizeof length);
}

Decoded decode(std::span<const uint8_t> bytes) {
  Decoded decoded;
  const auto malformed = [&] {
    decoded.malformed = true;
    return decoded;
  };
  if (bytes.size() < kLengthBytes) return decoded;
  uint32_t length = 0, request = 0;
  uint16_t type = 0, zero = 0;
  Reader(bytes).numbers(length);
  if (length < kHeadBytes - kLengthBytes || length > limits::kSessionFrameBytesMax - kLengthBytes)
    return malformed();
  // The head is judged before the body is waited for.
  if (bytes.size() < kHeadBytes) return decoded;
  Reader(bytes.subspan(kLengthBytes)).numbers(type, zero, request);
  if (type == 0 || type > std::variant_size_v<Message> || zero != 0 || !request_fits(Type{type}, request)) {
    return malformed();
  }
  if (bytes.size() - kLengthBytes < length) return decoded;

  Frame frame;
  frame.request = request;
  construct(frame.message, type - 1, std::make_index_sequence<std::variant_size_v<Message>>());
  Reader reader(bytes.subspan(kHeadBytes, length - (kHeadBytes - kLengthBytes)));
  std::visit([&](auto& message) { fields(reader, message); }, frame.message);
  if (!reader.finished()) return malformed();
  decoded.frame = std::move(frame);
  decoded.consumed = kLengthBytes + length;
  return decoded;
}

}  // namespace baton::session
