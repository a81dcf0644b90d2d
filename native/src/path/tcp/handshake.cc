#include "path/tcp/handshake.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace baton::path::tcp {
namespace {

Nonce random_nonce() {
  Nonce nonce;
  if (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) {
    throw std::system_error(errno, std::generic_category(), "random bytes");
  }
  return nonce;
}

// As many bytes as are there, up to `size` in all. False: the peer is gone.
bool read_up_to(int fd, Bytes& in, size_t size, bool& whole) {
  whole = false;
  while (in.size() < size) {
    uint8_t bytes[limits::kHelloBytesMax];
    const ssize_t n = recv(fd, bytes, size - in.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (n == 0) return false;
    in.insert(in.end(), bytes, bytes + n);
  }
  whole = true;
  return true;
}

// A few hundred bytes into the empty buffer of a new socket: they fit, or the connection is not worth having.
bool write_all(int fd, const Bytes& out) {
  return send(fd, out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(out.size());
}

}  // namespace

Handshake::Handshake(const Options& options, bool dials)
    : options_(&options), dials_(dials), expected_(dials ? HelloType::challenge : HelloType::hello) {}

Handshake Handshake::dialler(const Options& options, std::string peer, uint64_t incarnation) {
  Handshake handshake(options, true);
  handshake.peer_ = std::move(peer);
  handshake.peer_incarnation_ = incarnation;
  handshake.hello_ =
      encode(Hello{options.node, handshake.peer_, options.incarnation, incarnation, random_nonce()});
  handshake.out_ = handshake.hello_;
  return handshake;
}

Handshake Handshake::listener(const Options& options) { return Handshake(options, false); }

Handshake::Step Handshake::step(int fd) {
  for (;;) {
    if (!out_.empty()) {
      if (!write_all(fd, std::exchange(out_, {}))) return Step::broken;
      if (refusal_ != Refusal::none) return Step::refused;
      if (!dials_ && expected_ == HelloType::verdict) return Step::done;
    }
    bool whole = false;
    if (in_.size() < kHelloHeaderBytes) {
      if (!read_up_to(fd, in_, kHelloHeaderBytes, whole)) return Step::broken;
      if (!whole) return Step::more;
    }
    const size_t size = hello_bytes(in_.data());
    if (size == 0) return Step::broken;
    if (!read_up_to(fd, in_, size, whole)) return Step::broken;
    if (!whole) return Step::more;
    const Step step = take();
    in_.clear();
    if (step != Step::more) return step;
  }
}

Handshake::Step Handshake::take() {
  const HelloType type = hello_type(in_);
  // The listener may refuse at any point.
  if (dials_ && type == HelloType::verdict) return take_verdict();
  if (type != expected_) return Step::broken;
  switch (type) {
    case HelloType::hello: return take_hello();
    case HelloType::challenge: return take_challenge();
    case HelloType::proof: return take_proof();
    default: return Step::broken;
  }
}

Handshake::Step Handshake::take_hello() {
  const auto hello = decode_hello(in_);
  if (!hello) return Step::broken;
  if (busy_) return refuse(Refusal::busy);
  if (hello->target != options_->node) return refuse(Refusal::wrong_node);
  if (hello->target_incarnation != 0 && hello->target_incarnation != options_->incarnation) {
    return refuse(Refusal::wrong_incarnation);
  }
  peer_ = hello->node;
  peer_incarnation_ = hello->incarnation;
  hello_ = in_;
  Challenge challenge{options_->node, options_->incarnation, random_nonce(), !options_->keys.empty(), {}};
  challenge_ = encode(challenge);
  if (challenge.keyed) {
    challenge.mac = listener_mac(options_->keys.front(), hello_, challenge_);
    challenge_ = encode(challenge);
  }
  out_ = challenge_;
  expected_ = HelloType::proof;
  return Step::more;
}

Handshake::Step Handshake::take_challenge() {
  const auto challenge = decode_challenge(in_);
  if (!challenge) return Step::broken;
  if (challenge->node != peer_) return refuse(Refusal::wrong_node);
  if (peer_incarnation_ != 0 && challenge->incarnation != peer_incarnation_) {
    return refuse(Refusal::wrong_incarnation);
  }
  challenge_ = in_;
  bool proven = !challenge->keyed && options_->keys.empty();
  for (const Bytes& key : options_->keys) {
    proven = proven || (challenge->keyed && same_mac(challenge->mac, listener_mac(key, hello_, challenge_)));
  }
  if (!proven) return refuse(Refusal::wrong_key);
  peer_incarnation_ = challenge->incarnation;
  Proof proof;
  std::span<const uint8_t> key;
  if (!options_->keys.empty()) {
    key = options_->keys.front();
    proof.mac = dialler_mac(key, hello_, challenge_);
  }
  secrets_ = lane_secrets(key, hello_, challenge_);
  out_ = encode(proof);
  expected_ = HelloType::verdict;
  return Step::more;
}

Handshake::Step Handshake::take_proof() {
  const auto proof = decode_proof(in_);
  if (!proof) return Step::broken;
  const Bytes* proven = nullptr;
  for (const Bytes& key : options_->keys) {
    if (same_mac(proof->mac, dialler_mac(key, hello_, challenge_))) proven = &key;
  }
  if (proven == nullptr && !options_->keys.empty()) return refuse(Refusal::wrong_key);
  std::span<const uint8_t> key;
  if (proven != nullptr) key = *proven;
  secrets_ = lane_secrets(key, hello_, challenge_);
  out_ = encode(Verdict{});
  expected_ = HelloType::verdict;  // that is: nothing more; step() ends once it is written
  return Step::more;
}

Handshake::Step Handshake::take_verdict() {
  const auto verdict = decode_verdict(in_);
  if (!verdict) return Step::broken;
  refusal_ = verdict->refusal;
  if (refusal_ != Refusal::none) return Step::refused;
  // A welcome before our proof has gone out proves nothing.
  return expected_ == HelloType::verdict ? Step::done : Step::broken;
}

// Tells the peer why, if it is the one who asked.
Handshake::Step Handshake::refuse(Refusal refusal) {
  refusal_ = refusal;
  if (dials_) return Step::refused;
  out_ = encode(Verdict{refusal});
  return Step::more;
}

}  // namespace baton::path::tcp
