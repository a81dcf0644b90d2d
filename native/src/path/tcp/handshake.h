#pragma once
// Drives the hello over a non-blocking socket, either end. Bytes are read exactly message by message, so that what
// follows the hello stays in the socket for the decoder.
#include <string>

#include "path/tcp/hello.h"
#include "path/tcp/options.h"

namespace baton::path::tcp {

class Handshake {
 public:
  enum class Step { more, done, refused, broken };  // refused: by us or by the peer; broken: the connection is

  // The dialler names whom it wants; `incarnation` 0: any.
  static Handshake dialler(const Options&, std::string peer, uint64_t incarnation);
  static Handshake listener(const Options&);

  Step step(int fd);
  // As listener: says so instead of going on.
  void refuse_busy() { busy_ = true; }

  const std::string& peer() const { return peer_; }
  uint64_t peer_incarnation() const { return peer_incarnation_; }
  Refusal refusal() const { return refusal_; }
  const Secret& send_secret() const { return dials_ ? secrets_.from_dialler : secrets_.from_listener; }
  const Secret& receive_secret() const { return dials_ ? secrets_.from_listener : secrets_.from_dialler; }

 private:
  Handshake(const Options& options, bool dials);
  Step take();                       // the message in in_
  Step take_hello();
  Step take_challenge();
  Step take_proof();
  Step take_verdict();
  Step refuse(Refusal);

  const Options* options_;
  bool dials_, busy_ = false;
  HelloType expected_;
  std::string peer_;
  uint64_t peer_incarnation_ = 0;
  Bytes in_, out_, hello_, challenge_;
  Secrets secrets_;
  Refusal refusal_ = Refusal::none;
};

}  // namespace baton::path::tcp
