#include "base/digest.h"

#include <doctest/doctest.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace baton;

namespace {

// The formula of docs/wire.md, written down in one go.
Digest plain(const Key& key, uint32_t layer, uint32_t head, const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> input(key.begin(), key.end());
  const auto append = [&](const void* data, size_t n) {
    const auto* at = static_cast<const uint8_t*>(data);
    input.insert(input.end(), at, at + n);
  };
  append(&layer, 4);
  append(&head, 4);
  for (size_t at = 0; at < bytes.size(); at += 4096) {
    const uint64_t hash = XXH3_64bits(bytes.data() + at, std::min<size_t>(4096, bytes.size() - at));
    append(&hash, 8);
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(input.data(), input.size()));
  Digest digest;
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), digest.begin());
  return digest;
}

struct Source {
  std::mt19937_64 random{7};
  std::vector<uint8_t> bytes(size_t n) {
    std::vector<uint8_t> out(n);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
    return out;
  }
  Key key() {
    Key key;
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random());
    return key;
  }
};

}  // namespace

TEST_CASE("the digest of a stripe is the plain formula at every length") {
  Source source;
  std::vector<size_t> lengths{0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 131072};
  for (int i = 0; i < 300; ++i) lengths.push_back(source.random() % 40000);
  for (const size_t n : lengths) {
    const std::vector<uint8_t> bytes = source.bytes(n);
    const Key key = source.key();
    const auto layer = static_cast<uint32_t>(source.random()), head = static_cast<uint32_t>(source.random());
    REQUIRE(stripe_digest(key, layer, head, bytes.data(), n) == plain(key, layer, head, bytes));
  }
}

TEST_CASE("a digest that follows pieces equals the one of the whole, stripe after stripe") {
  Source source;
  StripeDigest digest;
  for (int i = 0; i < 50; ++i) {
    const std::vector<uint8_t> bytes = source.bytes(source.random() % 30000);
    const Key key = source.key();
    digest.begin(key, 3, 5);
    for (size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      digest.add_piece(piece_hash(bytes.data() + at, std::min(kPieceBytes, bytes.size() - at)));
    }
    REQUIRE(digest.end() == stripe_digest(key, 3, 5, bytes.data(), bytes.size()));
  }
}

TEST_CASE("a piece has the same hash whatever instructions compute it") {
  Source source;
  for (int i = 0; i < 500; ++i) {
    const std::vector<uint8_t> bytes = source.bytes(source.random() % 4097);
    REQUIRE(piece_hash(bytes.data(), bytes.size()) == XXH3_64bits(bytes.data(), bytes.size()));
  }
}

TEST_CASE("another bit, place, key or order gives another digest") {
  Source source;
  std::vector<uint8_t> bytes = source.bytes(20000);
  const Key key = source.key();
  const Digest right = stripe_digest(key, 1, 2, bytes.data(), bytes.size());
  CHECK(stripe_digest(key, 2, 1, bytes.data(), bytes.size()) != right);
  CHECK(stripe_digest(key, 1, 3, bytes.data(), bytes.size()) != right);
  CHECK(stripe_digest(source.key(), 1, 2, bytes.data(), bytes.size()) != right);
  CHECK(stripe_digest(key, 1, 2, bytes.data(), bytes.size() - 1) != right);
  for (int i = 0; i < 200; ++i) {
    const size_t at = source.random() % bytes.size();
    const auto bit = static_cast<uint8_t>(1u << source.random() % 8);
    bytes[at] ^= bit;
    REQUIRE(stripe_digest(key, 1, 2, bytes.data(), bytes.size()) != right);
    bytes[at] ^= bit;
  }
  std::swap_ranges(bytes.begin(), bytes.begin() + 4096, bytes.begin() + 4096);
  CHECK(stripe_digest(key, 1, 2, bytes.data(), bytes.size()) != right);
}
