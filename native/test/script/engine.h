#pragma once
// The service's sessions without sockets, and engines as libbaton makes them (src/capi): what an engine asks goes to the bus's
// handler at once; what it reads and writes stands in its own mapping of the arena's file.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arena/process.h"
#include "arena/view.h"
#include "session/server.h"
#include "session/watched.h"

namespace baton::script {

class Engine;

// The engines of all processes that have not let go of an arena, in whatever life of its service (as src/capi/lives.cc).
class Lives {
 public:
  explicit Lives(const Processes& processes) : processes_(processes) {}
  void begin(Engine&);
  void end(Engine&);

 private:
  void tell(const Engine& of);

  const Processes& processes_;
  std::vector<Engine*> live_;
};

class ScriptServer final : public session::Server {
 public:
  ScriptServer(session::Handler& handler, int arena_fd) : handler_(handler), arena_fd_(arena_fd) {}
  ~ScriptServer() override;
  void push(session::SessionId, const session::Ticket&) override;
  void end(session::SessionId) override {}
  session::ServerStats stats() const override { return {}; }

  session::Handler& handler() { return handler_; }
  int arena_fd() const { return arena_fd_; }
  session::SessionId next_id() { return ++ids_; }

  bool killed = false;                             // with its process: the bus hears nothing any more
  std::map<session::SessionId, Engine*> engines;   // attached
  std::map<session::SessionId, Engine*> left;      // ended, their engine still has what it was given

 private:
  session::Handler& handler_;
  const int arena_fd_;
  session::SessionId ids_ = 0;
};

struct SlotRef {
  uint32_t slot = 0, generation = 0, tokens = 0;
  uint64_t offset = 0, fill = 0;
  Key key{};
};

class Engine {
 public:
  Engine(ScriptServer&, Lives&, const std::string& node, session::Attach);
  ~Engine();
  Engine(const Engine&) = delete;

  int code() const { return code_; }               // of attach
  uint32_t lookup(const std::vector<Key>&) const;
  session::Accepted accept(const TicketId&, const std::vector<Key>&, uint32_t tokens);
  int poll(const TicketId&);
  void forget(const TicketId&);
  int begin(const TicketId*, const Key&, uint32_t chunk, uint32_t tokens, SlotRef&);
  int ready(const SlotRef&, uint32_t layer, uint32_t value, uint64_t now_ns);  // gathers, then announces
  // A copy that was under way when its slot was taken from it: it looks at nothing any more.
  void late_copy(const SlotRef&, uint32_t layer, uint32_t value);
  int abandon(const SlotRef&);
  int claim(const TicketId*, const std::vector<Key>&, uint64_t& claim, std::vector<SlotRef>&);
  int scatter(const SlotRef&, std::string& values);  // verifying; reports wrong bytes
  int scattered(const TicketId&, uint32_t layers, uint64_t now_ns);
  int release(uint64_t claim);
  int corrupt(const SlotRef&, uint32_t stripe = 0);
  void hang_up();
  void detach();

  bool same_arena(const Engine& other) const { return node_ == other.node_ && attach_.pid == other.attach_.pid; }
  int32_t pid() const { return attach_.pid; }
  uint64_t incarnation() const { return incarnation_; }
  void say_quiesced();

  // From the service.
  void pushed(const session::Ticket& ticket) { watched_.note(ticket); }
  void service_gone();

 private:
  session::Handler* serving() const { return open_ ? &server_->handler() : nullptr; }
  int find(const SlotRef&, arena::Place&) const;

  ScriptServer* server_;
  Lives& lives_;
  const std::string node_;
  const session::Attach attach_;
  uint64_t incarnation_ = 0;
  session::SessionId id_ = 0;
  int code_ = 0;
  bool open_ = false, gone_ = false;
  uint8_t* base_ = nullptr;
  uint64_t bytes_ = 0;
  std::unique_ptr<arena::View> view_;
  session::Watched watched_;
};

}  // namespace baton::script
