#pragma once
// The receiving half of a lane without its socket: says where the next bytes of the stream go and is told how many
// came. A run's payload is received where the user wants it, never copied; what is refused goes to a small scratch.
#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "path/tcp/frame.h"
#include "path/tcp/run_check.h"

namespace baton::path::tcp {

class Receiver {  // told of whole heads and whole runs, in the order of their sequence
 public:
  virtual ~Receiver() = default;
  virtual Place place(const Run&) = 0;
  virtual void landed(const Run&, Landing) = 0;
  virtual void thrown_away(const Run&, Reason) = 0;  // none: the bytes are in place already
  virtual bool control(const Frame&) = 0;            // every other type; false: the frame makes no sense
};

struct DecoderStats { uint64_t frames = 0, duplicates = 0, discarded_bytes = 0; };

class Decoder {
 public:
  Decoder(Receiver&, bool verify);
  void start(const Secret& secret) { secret_ = secret; }
  // One or two places for the next bytes, in this order.
  int places(iovec out[2]);
  // `n` bytes stand there. False: the stream can not be trusted any more and its connection ends.
  bool arrived(size_t n);
  // The rest of a payload of this ticket goes to the scratch: after this no byte is written to its place.
  void forget(const TicketId&);
  const DecoderStats& stats() const { return stats_; }

 private:
  bool heads();
  bool head(std::span<const uint8_t> bytes);
  void begin_run(const Frame&);
  void payload_arrived(size_t n);
  void finish_run();

  Receiver& receiver_;
  const bool verify_;
  Secret secret_{};
  uint64_t sequence_ = 0;         // of the last accepted frame
  std::vector<uint8_t> buffer_;   // heads, and what was read beyond them
  size_t begin_ = 0, end_ = 0;    // unread bytes of buffer_
  size_t ahead_;                  // bytes to ask for beyond what is needed
  bool in_payload_ = false;
  bool duplicate_ = false;        // this payload was received before
  Run run_;
  std::vector<Digest> digests_;   // of run_; buffer_ is reused meanwhile
  Place place_;
  uint64_t have_ = 0;             // bytes of the payload
  size_t first_place_ = 0;        // size of the first place handed out
  std::vector<uint8_t> scratch_;
  RunCheck check_;
  DecoderStats stats_;
};

}  // namespace baton::path::tcp
