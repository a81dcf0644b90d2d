// The lane's two decoders. First byte: what follows. 0: one message of the hello. Else: a stream of frames, which comes in
// pieces of that many bytes (1 to 255, then whole); checksums are put right on the way, or nothing behind them would be
// reached. Places are of exact size, so that a byte too many is an error under AddressSanitizer.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "path/tcp/decoder.h"
#include "path/tcp/hello.h"

namespace {

using namespace baton;
using namespace baton::path;
using namespace baton::path::tcp;

void check(bool holds) {
  if (!holds) std::abort();
}

class Target final : public Receiver {
 public:
  Place place(const Run& run) override {
    check(run.stripe_count > 0 && run.digests.size() == run.stripe_count && run.length % run.stripe_count == 0);
    Place place;
    if (run.length > 1 << 16 || run.ticket[0] % 4 == 0) {
      place.reason = run.ticket[0] % 8 == 0 ? Reason::unknown_ticket : Reason::none;
      return place;
    }
    memory_ = std::make_unique<uint8_t[]>(run.length);
    place.bytes = memory_.get();
    place.heads = 1 + run.ticket[1] % 8;
    return place;
  }
  void landed(const Run& run, Landing) override {
    check(memory_ != nullptr && run.length <= 1 << 16);
    memory_.reset();
  }
  void thrown_away(const Run&, Reason) override {}
  bool control(const Frame& frame) override {
    check(frame.length == 0);
    if (frame.type != FrameType::ack) return true;
    check(frame.body.size() % kAckBytes == 0);
    for (size_t at = 0; at < frame.body.size(); at += kAckBytes) {
      if (!decode_ack(frame.body.subspan(at, kAckBytes))) return false;
    }
    return true;
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
};

void hello(std::span<const uint8_t> bytes) {
  if (bytes.size() < kHelloHeaderBytes) return;
  const size_t size = hello_bytes(bytes.data());
  check(size <= limits::kHelloBytesMax);
  if (size == 0 || size > bytes.size()) return;
  const auto message = bytes.first(size);
  // What decodes, encodes to the same bytes.
  const auto same = [&](const Bytes& again) { check(std::equal(again.begin(), again.end(), message.begin(), message.end())); };
  if (const auto m = decode_hello(message)) same(encode(*m));
  if (const auto m = decode_challenge(message)) same(encode(*m));
  if (const auto m = decode_proof(message)) same(encode(*m));
  if (const auto m = decode_verdict(message)) same(encode(*m));
}

// Puts right the checksum of every head that is whole, as far as frames can be told apart.
void seal_all(std::vector<uint8_t>& stream, const Secret& secret) {
  for (size_t at = 0; at + kHeaderBytes <= stream.size();) {
    const size_t head = head_bytes(stream.data() + at);
    if (head == 0 || at + head > stream.size()) return;
    seal({stream.data() + at, head}, get<uint64_t>(stream.data() + at + 16), secret);
    const auto payload = get<uint64_t>(stream.data() + at + 24);
    if (payload > stream.size() - at - head) return;
    at += head + payload;
  }
}

void frames(size_t piece, std::span<const uint8_t> bytes) {
  Secret secret;
  for (size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<uint8_t>(i * 7 + 1);
  std::vector<uint8_t> stream(bytes.begin(), bytes.end());
  seal_all(stream, secret);
  Target target;
  Decoder decoder(target, true);
  decoder.start(secret);
  for (size_t at = 0; at < stream.size();) {
    iovec places[2];
    const int count = decoder.places(places);
    size_t left = std::min(piece == 255 ? stream.size() : piece, stream.size() - at), came = 0;
    for (int i = 0; i < count; ++i) {
      check(places[i].iov_len > 0);
      const size_t n = std::min(left, places[i].iov_len);
      std::memcpy(places[i].iov_base, stream.data() + at, n);
      at += n;
      left -= n;
      came += n;
      if (n < places[i].iov_len) break;
    }
    if (at % 97 == 0) decoder.forget(TicketId{});
    if (!decoder.arrived(came)) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> rest(data + 1, size - 1);
  if (data[0] == 0) hello(rest);
  else frames(data[0], rest);
  return 0;
}
