#include "copy/scatter.h"
#include "pages.h"

using namespace fixture;

namespace {

// No second thread ever comes here: TSan finds nothing, and takes ten times as long.
#ifdef __SANITIZE_THREAD__
constexpr int ROUNDS = 300;
#else
constexpr int ROUNDS = 3000;
#endif

Digest digest_of(const Engine& e, const std::vector<uint8_t>& stripe) {
  return stripe_digest(e.key, e.layer, e.head, stripe.data(), stripe.size());
}

int gather(const Engine& e, std::vector<uint8_t>& out, Digest& digest, copy::Scratch& scratch) {
  return copy::gather(e.geometry, e.key, e.layer, e.head, e.tokens, e.where(), out.data(), digest, scratch);
}

int scatter(const Engine& e, uint32_t first, uint32_t count, const std::vector<uint8_t>& stripe,
            const Digest* expected, copy::Scratch& scratch) {
  return copy::scatter(e.geometry, e.key, e.layer, e.head, e.tokens, e.where(), first, count, stripe.data(), expected,
                       scratch);
}

}  // namespace

TEST_CASE("gather packs what the address formula says, in any layout, and gives its digest") {
  std::mt19937 random(1);
  copy::Scratch scratch;
  for (int round = 0; round < ROUNDS; ++round) {
    CAPTURE(round);
    const Engine e = random_engine(random);
    const std::vector<uint8_t> expected = e.stripe();
    std::vector<uint8_t> got(expected.size() + 64, 0xa5);
    Digest digest{};
    REQUIRE(gather(e, got, digest, scratch) == BATON_OK);
    REQUIRE(std::all_of(got.end() - 64, got.end(), [](uint8_t b) { return b == 0xa5; }));
    got.resize(expected.size());
    REQUIRE(got == expected);
    REQUIRE(digest == digest_of(e, expected));
    Digest from_pages{};
    REQUIRE(copy::digest_pages(e.geometry, e.key, e.layer, e.head, e.tokens, e.where(), from_pages, scratch) ==
            BATON_OK);
    REQUIRE(from_pages == digest);
  }
}

TEST_CASE("scatter writes exactly its tokens, byte for byte, and nothing beside them") {
  std::mt19937 random(2);
  copy::Scratch scratch;
  for (int round = 0; round < ROUNDS; ++round) {
    CAPTURE(round);
    Engine e = random_engine(random);
    std::vector<uint8_t> stripe(e.geometry.stripe_bytes(e.tokens));
    for (uint8_t& byte : stripe) byte = static_cast<uint8_t>(random());
    const uint32_t first = random() % 2 ? 0 : random() % (e.tokens + 1);
    const uint32_t count = random() % 2 ? e.tokens - first : random() % (e.tokens - first + 1);
    std::vector<std::vector<uint8_t>> expected = e.memory;
    size_t plane_begin = 0;
    for (uint32_t p = 0; p < e.geometry.planes; ++p) {
      const uint32_t bytes = e.geometry.plane_bytes[p];
      for (uint32_t t = first; t < first + count; ++t) {
        for (uint32_t b = 0; b < bytes; ++b) expected[p][e.at(p, e.head, t, b)] = stripe[plane_begin + t * bytes + b];
      }
      plane_begin += size_t{bytes} * e.tokens;
    }
    const Digest digest = digest_of(e, stripe);
    const bool verify = random() % 2;
    REQUIRE(scatter(e, first, count, stripe, verify ? &digest : nullptr, scratch) == BATON_OK);
    REQUIRE(e.memory == expected);
  }
}

TEST_CASE("a scatter that verifies finds any flipped bit of the stripe, inside its tokens or not") {
  std::mt19937 random(3);
  copy::Scratch scratch;
  for (int round = 0; round < ROUNDS / 6; ++round) {
    Engine e = random_engine(random);
    std::vector<uint8_t> stripe = e.stripe();
    const Digest digest = digest_of(e, stripe);
    stripe[random() % stripe.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    const uint32_t first = random() % e.tokens, count = random() % (e.tokens - first + 1);
    REQUIRE(scatter(e, first, count, stripe, &digest, scratch) == BATON_ERR_DIGEST);
    REQUIRE(scatter(e, first, count, stripe, nullptr, scratch) == BATON_OK);
  }
}

TEST_CASE("the right bytes under another key, layer or head do not verify") {
  std::mt19937 random(4);
  copy::Scratch scratch;
  Engine e = random_engine(random);
  const std::vector<uint8_t> stripe = e.stripe();
  const Digest digest = digest_of(e, stripe);
  CHECK(scatter(e, 0, e.tokens, stripe, &digest, scratch) == BATON_OK);
  e.layer = (e.layer + 1) % 4;
  CHECK(scatter(e, 0, e.tokens, stripe, &digest, scratch) == BATON_ERR_DIGEST);
}

TEST_CASE("what one page layout gathers, another one scatters and gathers again") {
  std::mt19937 random(5);
  copy::Scratch scratch;
  for (int round = 0; round < ROUNDS / 3; ++round) {
    CAPTURE(round);
    const Engine source = random_engine(random);
    const Engine target = random_engine(random, &source);
    std::vector<uint8_t> stripe(source.geometry.stripe_bytes(source.tokens));
    Digest digest{};
    REQUIRE(gather(source, stripe, digest, scratch) == BATON_OK);
    REQUIRE(scatter(target, 0, target.tokens, stripe, nullptr, scratch) == BATON_OK);
    REQUIRE(target.stripe() == source.stripe());
  }
}

TEST_CASE("bf16 keys stored transposed, as vLLM's CPU pages hold them, cross both ways") {
  std::mt19937 random(6);
  copy::Scratch scratch;
  for (const uint32_t page_tokens : {8u, 16u, 32u, 128u}) {
    for (const uint32_t dim : {64u, 80u, 100u, 128u}) {
      for (const uint32_t offset : {0u, 3u}) {
        Engine e;
        e.geometry = {1, 2, 1, {2 * dim}, 256};
        e.tokens = 200;
        e.head = 1;
        e.offset = offset;
        e.layout.struct_size = sizeof e.layout;
        e.layout.page_tokens = page_tokens;
        const int64_t head_stride = 2 * static_cast<int64_t>(dim) * page_tokens;
        for (uint32_t i = 0; i < (e.tokens + offset + page_tokens - 1) / page_tokens; ++i) e.pages.push_back(i * 7 % 31);
        e.memory.assign(1, std::vector<uint8_t>(static_cast<size_t>(31 * 2 * head_stride)));
        for (uint8_t& byte : e.memory[0]) byte = static_cast<uint8_t>(random());
        e.layout.plane[0] = {e.memory[0].data(), 2 * head_stride, head_stride, 2, 2 * static_cast<int64_t>(page_tokens), 2, dim};
        const std::vector<uint8_t> expected = e.stripe();
        std::vector<uint8_t> got(expected.size());
        Digest digest{};
        REQUIRE(gather(e, got, digest, scratch) == BATON_OK);
        REQUIRE(got == expected);
        const auto before = e.memory;
        for (uint32_t t = 0; t < e.tokens; ++t) {
          for (uint32_t b = 0; b < 2 * dim; ++b) e.memory[0][e.at(0, 1, t, b)] = 0;
        }
        REQUIRE(scatter(e, 0, e.tokens, got, &digest, scratch) == BATON_OK);
        REQUIRE(e.memory == before);
      }
    }
  }
}
