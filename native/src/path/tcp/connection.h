#pragma once
// One connection between two services: connect, hello, clock, frames both ways, heartbeats, end. It is never used again
// after an end, whatever was unfinished on it; another one is dialled.
#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "path/tcp/clock_offset.h"
#include "path/tcp/decoder.h"
#include "path/tcp/handshake.h"
#include "path/tcp/sender.h"

namespace baton::path::tcp {

class Connection;

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void authenticated(Connection&) = 0;  // the hello is over
  virtual void coming_up(Connection&) = 0;      // just before Sink::up
  virtual void refused(Connection&) = 0;        // the hello was, by either end
  virtual void ended(Connection&) = 0;          // once; no callback follows
};

class Connection final : public Lane, private Receiver {
 public:
  Connection(uint64_t id, int fd, bool dialled, Handshake, Loop&, const Options&, Sink&, ConnectionOwner&);
  ~Connection() override;
  void start();

  uint64_t id() const override { return id_; }
  const std::string& peer() const override { return handshake_.peer(); }
  bool announce(const Run&) override;
  void fetch(const TicketId&, uint32_t, uint64_t) override {}  // Open's grant is the credit
  void acknowledge(const Run&, Landing, Reason) override;
  void cancel(const TicketId&, uint32_t epoch, Reason, bool quiesced) override;
  LaneStats stats() const override;

  bool up() const { return stage_ == Stage::up; }
  bool dialled() const { return dialled_; }
  bool authenticated() const { return authenticated_; }
  uint64_t peer_incarnation() const { return handshake_.peer_incarnation(); }
  // While needed, silence beyond the bound ends the lane; otherwise it costs nothing.
  void need(bool);
  // Ends it; the sink hears of it unless it never was up and was not dialled.
  void end(Reason, bool retryable);
  // Ends it without telling anyone but the owner, after a last attempt to write what waits.
  void close();

 private:
  enum class Stage { connecting, hello, clock, up, ended };

  void on_event(uint32_t events);
  void say_hello();
  void established();
  void read();
  void write();
  void write_soon();
  void tell_writable();
  void beat();
  void ping();
  void release();
  bool on_ack(std::span<const uint8_t> body);
  bool on_pong(std::span<const uint8_t> body);
  bool on_ready(std::span<const uint8_t> body);
  void come_up(int64_t clock_offset_ns);
  void put_acks();

  Place place(const Run&) override;
  void landed(const Run&, Landing) override;
  void thrown_away(const Run&, Reason) override;
  bool control(const Frame&) override;

  const uint64_t id_;
  int fd_;
  const bool dialled_;
  Stage stage_;
  Handshake handshake_;
  Loop& loop_;
  const Options& options_;
  Sink& sink_;
  ConnectionOwner& owner_;
  Decoder decoder_;
  Sender sender_;
  ClockOffset clock_;
  std::vector<uint8_t> acks_;      // entries not yet framed
  LaneStats stats_{};
  uint64_t heard_ns_ = 0;          // when the last byte came
  uint64_t write_timer_ = 0, beat_timer_ = 0, hello_timer_ = 0;
  bool authenticated_ = false, needed_ = false;
  bool starved_ = false;           // announce() was refused and writable() is owed
};

}  // namespace baton::path::tcp
