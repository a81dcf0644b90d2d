#pragma once
// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). For a handshake's few hundred bytes, not for bulk data.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace baton {

using Mac = std::array<uint8_t, 32>;

class Sha256 {
 public:
  void update(std::span<const uint8_t> bytes);
  Mac end();  // at most once

 private:
  void block(const uint8_t* bytes);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  size_t pending_size_ = 0;
  uint64_t total_ = 0;  // bytes
};

Mac sha256(std::span<const uint8_t> bytes);
Mac hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> message);

// In time that does not depend on where they differ.
bool same_mac(const Mac&, const Mac&);

}  // namespace baton
