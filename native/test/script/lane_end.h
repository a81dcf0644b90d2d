#pragma once
// One end of one scripted lane: what is announced and said waits for the end of the turn, goes out in order, and what has gone
// out waits for its verdict. As test/sim/bus/lane-end.ts, but with real bytes and the digest check of the shipped path.
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "path/path.h"
#include "path/tcp/run_check.h"

namespace baton::script {

enum class Side { dialler, listener };
inline Side other(Side side) { return side == Side::dialler ? Side::listener : Side::dialler; }

enum class Kind { ready, run, ack, cancel, quiesced };

struct Message {
  Kind kind = Kind::ready;
  path::Run run;                 // run, ack; the others: ticket and epoch
  std::vector<Digest> digests;   // of a run
  std::vector<uint8_t> bytes;
  path::Landing landing = path::Landing::ok;
  Reason reason = Reason::none;
  bool begun = false;            // waiting: its first byte has gone out; travelling: its head has arrived
};

struct LaneOptions {
  std::string node;
  uint64_t incarnation = 0;
  uint16_t port = 0;
  uint32_t silence_ms = 0, connect_ms = 0, window = 0;
  bool verify = true;
};

class LaneEnd;

class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual void send(Side from, Message) = 0;
  virtual void ended(LaneEnd&, bool reset) = 0;
  virtual bool hears(Side) = 0;  // heartbeats of the other end
};

class LaneEnd final : public path::Lane {
 public:
  enum class Stage { waiting, up, ended };

  LaneEnd(uint64_t id, std::string peer, uint64_t incarnation, Side, const LaneOptions&, Loop&, path::Sink&, Carrier&);
  ~LaneEnd() override;

  uint64_t id() const override { return id_; }
  const std::string& peer() const override { return peer_; }
  bool announce(const path::Run&) override;
  void fetch(const TicketId&, uint32_t, uint64_t) override {}
  void acknowledge(const path::Run&, path::Landing, Reason) override;
  void cancel(const TicketId&, uint32_t epoch, Reason, bool quiesced) override;
  path::LaneStats stats() const override { return {}; }

  bool up() const { return stage == Stage::up; }
  void come_up();
  void head(const Message&);     // of a run: where does it go?
  void payload(const Message&);
  void word(const Message&);     // ack, cancel, quiesced
  void clog(bool);               // the socket takes no more, or does so again
  void need(bool);
  void watch_silence();
  void end(Reason, bool retryable);
  void close(bool flush);        // without telling the sink

  const Side side;
  Stage stage = Stage::waiting;
  uint64_t peer_incarnation;

 private:
  bool room() const;
  void push(Message);
  void write_soon();
  void write();
  void begin(Message&);
  void carry(Message);
  void over(bool reset);
  void tell_writable();

  const uint64_t id_;
  const std::string peer_;
  const LaneOptions options_;
  Loop& loop_;
  path::Sink& sink_;
  Carrier& carrier_;
  std::deque<Message> queue_;
  std::vector<path::Run> in_flight_;
  std::optional<std::pair<path::Run, path::Place>> arriving_;
  path::tcp::RunCheck check_;
  bool needed_ = false, starved_ = false, clogged_ = false;
  uint64_t heard_ns_, write_timer_ = 0, silence_timer_ = 0;
};

}  // namespace baton::script
