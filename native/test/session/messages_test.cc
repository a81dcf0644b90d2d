#include "session/messages.h"

#include <doctest/doctest.h>

#include <memory>

#include "base/limits.h"
#include "support/random_messages.h"

using namespace baton;
using namespace baton::session;
using test::random_message;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes encoded(const Frame& frame) {
  Bytes bytes;
  encode(frame, bytes);
  return bytes;
}

uint32_t request_for(size_t type) {
  switch (static_cast<Type>(type)) {
    case Type::forget:
    case Type::abandon:
    case Type::announce:
    case Type::release:
    case Type::scattered:
    case Type::corrupt:
    case Type::quiesced:
      return 0;
    default:
      return 77;
  }
}

Frame random_frame(test::Random& random, size_t type) {
  return {request_for(type), random_message(random, type)};
}

// Decodes from memory of exactly this size, so that a sanitizer sees a read beyond it.
Decoded decode_exact(const Bytes& bytes) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return decode({exact.get(), bytes.size()});
}

// Whatever a decoder accepts has exactly one encoding: the bytes it consumed.
bool canonical(const Bytes& bytes) {
  const Decoded decoded = decode_exact(bytes);
  if (decoded.malformed) return !decoded.frame && decoded.consumed == 0;
  if (!decoded.frame) return decoded.consumed == 0;
  return decoded.consumed <= bytes.size() &&
         encoded(*decoded.frame) ==
             Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(decoded.consumed));
}

void set_length(Bytes& frame) {
  const auto length = static_cast<uint32_t>(frame.size() - 4);
  std::memcpy(frame.data(), &length, sizeof length);
}

}  // namespace

TEST_CASE("every message of random values comes back as it was encoded") {
  test::Random random(1);
  for (size_t type = 1; type <= std::variant_size_v<Message>; ++type) {
    for (int round = 0; round < 200; ++round) {
      const Frame frame = random_frame(random, type);
      const Bytes bytes = encoded(frame);
      const Decoded decoded = decode_exact(bytes);
      REQUIRE(decoded.frame.has_value());
      CHECK(decoded.consumed == bytes.size());
      CHECK(decoded.frame->request == frame.request);
      CHECK(test::equal(decoded.frame->message, frame.message));
    }
  }
}

TEST_CASE("a prefix of a frame asks for more bytes and is never malformed") {
  test::Random random(2);
  for (size_t type = 1; type <= std::variant_size_v<Message>; ++type) {
    const Bytes bytes = encoded(random_frame(random, type));
    for (size_t n = 0; n < bytes.size(); ++n) {
      const Decoded decoded = decode_exact(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n)));
      REQUIRE(!decoded.frame);
      REQUIRE(!decoded.malformed);
      REQUIRE(decoded.consumed == 0);
    }
  }
}

TEST_CASE("a body that is longer or shorter than its fields is malformed") {
  test::Random random(3);
  for (size_t type = 1; type <= std::variant_size_v<Message>; ++type) {
    for (int round = 0; round < 20; ++round) {
      const Bytes bytes = encoded(random_frame(random, type));
      Bytes longer = bytes;
      longer.push_back(static_cast<uint8_t>(random()));
      set_length(longer);
      CHECK(decode_exact(longer).malformed);
      for (size_t n = 12; n < bytes.size(); ++n) {
        Bytes shorter(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
        set_length(shorter);
        REQUIRE(decode_exact(shorter).malformed);
      }
    }
  }
}

TEST_CASE("a frame with any single byte changed is decoded to its own encoding or not at all") {
  test::Random random(4);
  for (size_t type = 1; type <= std::variant_size_v<Message>; ++type) {
    const Bytes bytes = encoded(random_frame(random, type));
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        Bytes changed = bytes;
        changed[at] = static_cast<uint8_t>(value);
        REQUIRE(canonical(changed));
      }
    }
  }
}

TEST_CASE("random bytes behind a plausible head are decoded within their bounds") {
  test::Random random(5);
  size_t malformed = 0;
  for (int round = 0; round < 50'000; ++round) {
    Bytes bytes(12 + random() % 120);
    for (auto& byte : bytes) byte = random() % 4 == 0 ? static_cast<uint8_t>(random()) : 0;
    if (round % 2 == 0) {
      const auto type = static_cast<uint16_t>(1 + random() % std::variant_size_v<Message>);
      const uint32_t request = request_for(type);
      std::memcpy(bytes.data() + 4, &type, 2);
      std::memset(bytes.data() + 6, 0, 2);
      std::memcpy(bytes.data() + 8, &request, 4);
      set_length(bytes);
    }
    REQUIRE(canonical(bytes));
    malformed += decode_exact(bytes).malformed;
  }
  CHECK(malformed > 1000);
}

TEST_CASE("a length outside the limits is malformed before its bytes have come") {
  for (const uint32_t length :
       {0u, 7u, uint32_t{limits::kSessionFrameBytesMax} - 3, 0x7fffffffu, 0xffffffffu}) {
    Bytes bytes(4);
    std::memcpy(bytes.data(), &length, 4);
    CHECK(decode_exact(bytes).malformed);
  }
}

TEST_CASE("an unknown type, a set reserved field and a misplaced request number are malformed") {
  const auto head = [](uint16_t type, uint16_t zero, uint32_t request) {
    Bytes bytes(12);
    const uint32_t length = 1000;
    std::memcpy(bytes.data(), &length, 4);
    std::memcpy(bytes.data() + 4, &type, 2);
    std::memcpy(bytes.data() + 6, &zero, 2);
    std::memcpy(bytes.data() + 8, &request, 4);
    return bytes;
  };
  CHECK(decode_exact(head(0, 0, 1)).malformed);
  CHECK(decode_exact(head(19, 0, 0)).malformed);
  CHECK(decode_exact(head(1, 1, 1)).malformed);
  CHECK(decode_exact(head(uint16_t(Type::fill), 0, 0)).malformed);
  CHECK(decode_exact(head(uint16_t(Type::announce), 0, 1)).malformed);
  CHECK(!decode_exact(head(uint16_t(Type::fill), 0, 1)).malformed);
  CHECK(!decode_exact(head(uint16_t(Type::ticket), 0, 0)).malformed);
}

TEST_CASE("a list that counts more elements than there are bytes or than the limit is malformed") {
  Frame frame{1, Claim{TicketId{}, false, std::vector<Key>(3)}};
  Bytes bytes = encoded(frame);
  const size_t count_at = 12 + 1 + 16;
  for (const uint32_t count : {2u, 4u, limits::kChunksPerTicketMax + 1, 0x08000000u, 0xffffffffu}) {
    std::memcpy(bytes.data() + count_at, &count, 4);
    CHECK(decode_exact(bytes).malformed);
  }
  std::get<Claim>(frame.message).keys.resize(limits::kChunksPerTicketMax + 1);
  CHECK(decode_exact(encoded(frame)).malformed);
}

TEST_CASE("a claim of as many chunks as a ticket may have fits one frame") {
  test::Random random(6);
  Frame frame{9, Claim{TicketId{}, false, std::vector<Key>(limits::kChunksPerTicketMax)}};
  for (Key& key : std::get<Claim>(frame.message).keys) random.fill(key);
  const Decoded decoded = decode_exact(encoded(frame));
  REQUIRE(decoded.frame.has_value());
  CHECK(test::equal(decoded.frame->message, frame.message));
}

TEST_CASE("frames that follow each other are taken off one at a time") {
  test::Random random(7);
  Bytes bytes;
  for (size_t type = 1; type <= std::variant_size_v<Message>; ++type)
    encode(random_frame(random, type), bytes);
  std::span<const uint8_t> rest(bytes);
  for (size_t type = 1; type <= std::variant_size_v<Message>; ++type) {
    const Decoded decoded = decode(rest);
    REQUIRE(decoded.frame.has_value());
    CHECK(decoded.frame->message.index() + 1 == type);
    rest = rest.subspan(decoded.consumed);
  }
  CHECK(rest.empty());
}

TEST_CASE("an engine's name may hold only the characters of a name") {
  Attach attach{1, 2, "engine-1", {}, {}};
  CHECK(decode_exact(encoded({1, attach})).frame.has_value());
  for (const char* name : {"", "a b", "a/b", "a\n", "\xc3\xa4"}) {
    attach.engine = name;
    CHECK(decode_exact(encoded({1, attach})).malformed);
  }
}

TEST_CASE("bytes stand as docs/wire.md says") {
  Slot slot{BATON_HELD, 0x01020304, 5, 0x1122334455667788, 9};
  CHECK(encoded({0x0a0b0c0d, slot}) == Bytes{36,   0,    0,    0,    9,    0,    0,    0,
                                             0x0d, 0x0c, 0x0b, 0x0a,                           // head
                                             1,    0,    0,    0,                              // status
                                             4,    3,    2,    1,    5,    0,    0,    0,      // slot
                                             0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,   // offset
                                             9,    0,    0,    0,    0,    0,    0,    0});    // fill
  CHECK(encoded({0, Announce{2, 3, {{4, 5}}}}) == Bytes{32, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0,  //
                                                        2,  0, 0, 0, 3,  0, 0, 0, 0, 0, 0, 0,  //
                                                        1,  0, 0, 0, 4,  0, 0, 0, 5, 0, 0, 0});
}
