#include "base/hmac.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::span<const uint8_t> bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

std::string hex(const baton::Mac& mac) {
  std::string out;
  for (uint8_t b : mac) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(hex(baton::sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(baton::sha256(bytes("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(baton::sha256(bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  const std::string million(1'000'000, 'a');
  CHECK(hex(baton::sha256(bytes(million))) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how its input is cut") {
  std::vector<uint8_t> data(300);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7);
  for (size_t size = 0; size <= data.size(); ++size) {
    const std::span<const uint8_t> all(data.data(), size);
    for (size_t cut : {size_t{1}, size_t{55}, size_t{56}, size_t{63}, size_t{64}, size_t{65}}) {
      baton::Sha256 pieces;
      for (size_t at = 0; at < size; at += cut) pieces.update(all.subspan(at, std::min(cut, size - at)));
      REQUIRE(pieces.end() == baton::sha256(all));
    }
  }
}

TEST_CASE("HMAC-SHA-256 gives the macs of RFC 4231") {
  const std::vector<uint8_t> k1(20, 0x0b), k3(20, 0xaa), d3(50, 0xdd), d4(50, 0xcd), k6(131, 0xaa);
  std::vector<uint8_t> k4(25);
  for (size_t i = 0; i < k4.size(); ++i) k4[i] = static_cast<uint8_t>(i + 1);
  using baton::hmac_sha256;
  CHECK(hex(hmac_sha256(k1, bytes("Hi There"))) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmac_sha256(bytes("Jefe"), bytes("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmac_sha256(k3, d3)) == "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(hex(hmac_sha256(k4, d4)) == "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  CHECK(hex(hmac_sha256(k6, bytes("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(hex(hmac_sha256(k6, bytes("This is a test using a larger than block-size key and a larger than block-size data. "
                                  "The key needs to be hashed before being used by the HMAC algorithm."))) ==
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST_CASE("macs that differ in any byte are not the same") {
  const baton::Mac mac = baton::sha256(bytes("x"));
  CHECK(baton::same_mac(mac, mac));
  for (size_t i = 0; i < mac.size(); ++i) {
    baton::Mac other = mac;
    other[i] ^= 1;
    CHECK_FALSE(baton::same_mac(mac, other));
  }
}
