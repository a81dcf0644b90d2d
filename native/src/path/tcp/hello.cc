#include "path/tcp/hello.h"

#include <string_view>

namespace baton::path::tcp {
namespace {

constexpr uint32_t kHelloMagic = 0x484c5442;  // "BTLH"

class Out {
 public:
  explicit Out(HelloType type) {
    put(bytes_, kHelloMagic);
    put(bytes_, kVersion);
    put(bytes_, static_cast<uint16_t>(type));
    put(bytes_, uint32_t{0});
  }
  template <class T>
  Out& number(T value) {
    put(bytes_, value);
    return *this;
  }
  Out& text(const std::string& s) {
    put(bytes_, static_cast<uint16_t>(s.size()));
    bytes_.insert(bytes_.end(), s.begin(), s.end());
    return *this;
  }
  Out& raw(const std::array<uint8_t, 32>& value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  Bytes end() {
    const auto body = static_cast<uint32_t>(bytes_.size() - kHelloHeaderBytes);
    std::memcpy(bytes_.data() + 8, &body, sizeof body);
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
};

class In {
 public:
  In(std::span<const uint8_t> message, HelloType type) : rest_(message) {
    ok_ = message.size() >= kHelloHeaderBytes && hello_bytes(message.data()) == message.size() &&
          hello_type(message) == type;
    if (ok_) rest_ = message.subspan(kHelloHeaderBytes);
  }
  template <class T>
  void number(T& value) {
    if (!has(sizeof value)) return;
    value = get<T>(rest_.data());
    rest_ = rest_.subspan(sizeof value);
  }
  void name(std::string& s) {
    uint16_t size = 0;
    number(size);
    ok_ = ok_ && size != 0 && size <= limits::kNodeNameMax;
    if (!has(size)) return;
    s.assign(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
  }
  void raw(std::array<uint8_t, 32>& value) {
    if (!has(value.size())) return;
    std::memcpy(value.data(), rest_.data(), value.size());
    rest_ = rest_.subspan(value.size());
  }
  bool end() const { return ok_ && rest_.empty(); }

 private:
  bool has(size_t n) { return ok_ = ok_ && rest_.size() >= n; }

  std::span<const uint8_t> rest_;
  bool ok_ = false;
};

Mac labelled_mac(std::string_view label, std::span<const uint8_t> key, std::span<const uint8_t> a,
                 std::span<const uint8_t> b) {
  Bytes message(label.begin(), label.end());
  message.insert(message.end(), a.begin(), a.end());
  message.insert(message.end(), b.begin(), b.end());
  return hmac_sha256(key, message);
}

Secret expand(const Mac& seed, std::string_view label) {
  Secret secret;
  static_assert(sizeof(Secret) % sizeof(Mac) == 0);
  for (size_t i = 0; i < sizeof(Secret) / sizeof(Mac); ++i) {
    Bytes message(label.begin(), label.end());
    message.push_back(static_cast<uint8_t>(i));
    const Mac block = hmac_sha256(seed, message);
    std::memcpy(secret.data() + i * sizeof block, block.data(), sizeof block);
  }
  return secret;
}

}  // namespace

Bytes encode(const Hello& m) {
  return Out(HelloType::hello).text(m.node).text(m.target).number(m.incarnation).number(m.target_incarnation)
      .raw(m.nonce).end();
}

Bytes encode(const Challenge& m) {
  return Out(HelloType::challenge).text(m.node).number(m.incarnation).raw(m.nonce)
      .number(static_cast<uint8_t>(m.keyed)).raw(m.mac).end();
}

Bytes encode(const Proof& m) { return Out(HelloType::proof).raw(m.mac).end(); }

Bytes encode(const Verdict& m) { return Out(HelloType::verdict).number(static_cast<uint8_t>(m.refusal)).end(); }

size_t hello_bytes(const uint8_t* header) {
  if (get<uint32_t>(header) != kHelloMagic || get<uint16_t>(header + 4) != kVersion) return 0;
  const auto body = get<uint32_t>(header + 8);
  return body <= limits::kHelloBytesMax - kHelloHeaderBytes ? kHelloHeaderBytes + body : 0;
}

HelloType hello_type(std::span<const uint8_t> message) { return static_cast<HelloType>(get<uint16_t>(message.data() + 6)); }

std::optional<Hello> decode_hello(std::span<const uint8_t> message) {
  In in(message, HelloType::hello);
  Hello m;
  in.name(m.node);
  in.name(m.target);
  in.number(m.incarnation);
  in.number(m.target_incarnation);
  in.raw(m.nonce);
  if (!in.end()) return {};
  return m;
}

std::optional<Challenge> decode_challenge(std::span<const uint8_t> message) {
  In in(message, HelloType::challenge);
  Challenge m;
  uint8_t keyed = 0;
  in.name(m.node);
  in.number(m.incarnation);
  in.raw(m.nonce);
  in.number(keyed);
  in.raw(m.mac);
  if (!in.end() || keyed > 1) return {};
  m.keyed = keyed == 1;
  return m;
}

std::optional<Proof> decode_proof(std::span<const uint8_t> message) {
  In in(message, HelloType::proof);
  Proof m;
  in.raw(m.mac);
  if (!in.end()) return {};
  return m;
}

std::optional<Verdict> decode_verdict(std::span<const uint8_t> message) {
  In in(message, HelloType::verdict);
  uint8_t refusal = 0;
  in.number(refusal);
  if (!in.end() || refusal > static_cast<uint8_t>(Refusal::busy)) return {};
  return Verdict{static_cast<Refusal>(refusal)};
}

Mac listener_mac(std::span<const uint8_t> key, std::span<const uint8_t> hello, std::span<const uint8_t> challenge) {
  return labelled_mac("baton-lane-listener-v1", key, hello, challenge.first(challenge.size() - sizeof(Mac)));
}

Mac dialler_mac(std::span<const uint8_t> key, std::span<const uint8_t> hello, std::span<const uint8_t> challenge) {
  return labelled_mac("baton-lane-dialler-v1", key, hello, challenge);
}

Secrets lane_secrets(std::span<const uint8_t> key, std::span<const uint8_t> hello, std::span<const uint8_t> challenge) {
  const Mac seed = labelled_mac("baton-lane-secret-v1", key, hello, challenge);
  return {expand(seed, "from dialler"), expand(seed, "from listener")};
}

}  // namespace baton::path::tcp
