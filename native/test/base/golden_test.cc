// The golden vectors of test/fixtures/golden.json, made by other people's libraries, for what the core computes itself:
// digests of stripes, and the SHA-256 and HMAC under names. Keys are opaque to it. The fixture is read as it is, so the
// test cannot go stale.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/hmac.h"

using namespace baton;

namespace {

// No JSON reader for one file: the objects looked for are flat, and a changed shape matches nothing, which fails.
std::vector<std::smatch> objects(const std::string& text, const std::string& pattern) {
  const std::regex object(pattern);
  return {std::sregex_iterator(text.begin(), text.end(), object), std::sregex_iterator()};
}

std::string golden() {
  std::ifstream file("../test/fixtures/golden.json");  // tests run in native/
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i < hex.size(); i += 2) out.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return out;
}

template <class Bytes>
std::string hex_of(const Bytes& bytes) {
  std::string out;
  for (const uint8_t b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

// As scripts/make-golden.py makes it.
std::vector<uint8_t> pattern(size_t n) {
  std::vector<uint8_t> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(i * 131 + (i >> 8) * 7);
  return out;
}

}  // namespace

TEST_CASE("digests of stripes are the golden ones") {
  const std::string text = golden();
  const auto all = objects(text, R"x(\{\s*"key": "(\w{64})",\s*"layer": (\d+),\s*"head": (\d+),\s*"bytes": (\d+),\s*"digest": "(\w{32})"\s*\})x");
  CHECK(all.size() == objects(text, R"("layer":)").size());
  CHECK(all.size() >= 6);
  for (const std::smatch& m : all) {
    Key key;
    const std::vector<uint8_t> from = bytes_of(m[1]);
    std::copy(from.begin(), from.end(), key.begin());
    const std::vector<uint8_t> bytes = pattern(std::stoul(m[4]));
    const auto layer = static_cast<uint32_t>(std::stoul(m[2])), head = static_cast<uint32_t>(std::stoul(m[3]));
    CHECK(hex_of(stripe_digest(key, layer, head, bytes.data(), bytes.size())) == m[5].str());
  }
}

TEST_CASE("SHA-256 of encoded namespaces and HMAC-SHA-256 of roots are the golden ones") {
  const std::string text = golden();
  const auto namespaces = objects(text, R"x("encoding": "(\w+)",\s*"digest": "(\w{64})")x");
  CHECK(namespaces.size() >= 2);
  for (const std::smatch& m : namespaces) CHECK(hex_of(sha256(bytes_of(m[1]))) == m[2].str());

  const auto secret = objects(text, R"x("secret": "(\w+)")x");
  REQUIRE(secret.size() == 1);
  const auto roots = objects(text, R"x("namespace": "(\w{64})",\s*"salt": "([^"]*)",\s*"root": "(\w{64})")x");
  CHECK(roots.size() >= 4);
  for (const std::smatch& m : roots) {
    const std::string tag = "baton-root-v1", salt = std::regex_replace(m[2].str(), std::regex(R"(\\u2603)"), "\u2603");
    std::vector<uint8_t> message(tag.begin(), tag.end());
    const std::vector<uint8_t> digest = bytes_of(m[1]);
    message.insert(message.end(), digest.begin(), digest.end());
    message.insert(message.end(), salt.begin(), salt.end());
    CHECK(hex_of(hmac_sha256(bytes_of(secret[0][1]), message)) == m[3].str());
  }
}
