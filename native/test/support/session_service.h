#pragma once
// A session server with a scripted handler on a loop thread of its own, and a raw peer that may send
// anything.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "session/client.h"
#include "session/server.h"

namespace baton::test {

// A folder that is removed with all it holds.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Answers what the test says and remembers what came. Functions run on the loop's thread.
class ScriptedHandler : public session::Handler {
 public:
  std::function<session::Attached(session::SessionId, const session::Attach&)> on_attach;
  std::function<session::Accepted(session::SessionId, const session::Accept&)> on_accept;
  std::function<session::Ticket(session::SessionId, const session::Watch&)> on_watch;
  std::function<session::Slot(session::SessionId, const session::Fill&)> on_fill;
  std::function<session::Claimed(session::SessionId, const session::Claim&)> on_claim;

  session::Attached attach(session::SessionId, const session::Attach&) override;
  session::Accepted accept(session::SessionId, const session::Accept&) override;
  session::Ticket watch(session::SessionId, const session::Watch&) override;
  session::Slot fill(session::SessionId, const session::Fill&) override;
  session::Claimed claim(session::SessionId, const session::Claim&) override;
  void forget(session::SessionId id, const session::Forget& m) override { came(id, m); }
  void abandon(session::SessionId id, const session::Abandon& m) override { came(id, m); }
  void announce(session::SessionId id, const session::Announce& m) override { came(id, m); }
  void release(session::SessionId id, const session::Release& m) override { came(id, m); }
  void scattered(session::SessionId id, const session::Scattered& m) override { came(id, m); }
  void corrupt(session::SessionId id, const session::Corrupt& m) override { came(id, m); }
  void quiesced(session::SessionId, const session::Quiesced&) override {}
  void ended(session::SessionId) override;
  void gone(session::SessionId) override;

  // Waits until this many sessions have attached / ended / gone, or one-way messages have come. False: given
  // up after a minute.
  bool wait_attached(size_t n);
  bool wait_ended(size_t n);
  bool wait_gone(size_t n);
  bool wait_came(size_t n);
  std::vector<session::SessionId> attached();
  std::vector<session::SessionId> ended_sessions();
  std::vector<session::SessionId> gone_sessions();
  std::vector<session::Message> messages();  // one-way, in order

 private:
  void came(session::SessionId, session::Message);
  bool wait(const std::function<bool()>&);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<session::SessionId> attached_, ended_, gone_;
  std::vector<session::Message> came_;
};

class SessionService {
 public:
  explicit SessionService(session::Handler&, std::string path = "");  // "": in a folder of its own
  // Hands this arena out instead of a small file of its own.
  SessionService(session::Handler&, int arena_fd, std::string path = "");
  ~SessionService() { stop(); }
  void stop();
  const std::string& path() const { return path_; }
  void on_loop(const std::function<void(session::Server&)>&);  // runs there and waits
  session::ServerStats stats();

 private:
  TempFolder folder_;
  std::string path_;
  session::Fd arena_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<session::Server> server_;
  std::thread thread_;
};

// A door that stays shut until opened, for handlers that stall.
class Door {
 public:
  void open();
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// Speaks bytes, not messages.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path);
  explicit RawPeer(session::Fd fd) : fd_(std::move(fd)) {}
  void send(const std::vector<uint8_t>& bytes);
  void send(const session::Frame&);
  std::optional<session::Frame> receive();  // nothing: the connection has ended
  bool ended() { return !receive().has_value(); }

 private:
  session::Fd fd_;
  std::vector<uint8_t> in_;
};

session::Attach attach_message(const std::string& engine = "engine");
session::Client::Attachment attach_to(const std::string& path, uint32_t timeout_ms = 60'000);
TicketId ticket_id(uint8_t first);

}  // namespace baton::test
