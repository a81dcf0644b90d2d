#pragma once
// Lanes between the nodes of one script. Nothing moves by itself: the script lets dials succeed and parts arrive, cuts, spoils
// and doubles. As test/sim/bus/network.ts.
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "path/endpoint.h"
#include "script/lane_end.h"

namespace baton::script {

class Network;
class Connection;

// One node's end of all its lanes.
class ScriptEndpoint final : public path::Endpoint {
 public:
  ScriptEndpoint(Network&, Loop&, const LaneOptions&, path::Sink&);
  ~ScriptEndpoint() override;

  uint16_t port() const override { return options_.port; }
  uint64_t dial(const std::string& node, const std::string& host, uint16_t port, uint64_t incarnation) override;
  path::Lane* find(uint64_t id) override;
  uint64_t peer_incarnation(uint64_t id) const override;
  void need(uint64_t id, bool needed) override;
  void close(uint64_t id) override;
  path::EndpointStats stats() const override;

  const LaneOptions& options() const { return options_; }
  Loop& loop() { return loop_; }
  std::unique_ptr<LaneEnd> new_end(const std::string& peer, uint64_t incarnation, Side, Carrier&);
  void coming_up(LaneEnd&);
  void ended(LaneEnd&, bool reset);

  bool killed = false;           // with its process: what waits is not sent
  uint64_t hello_refused = 0;

 private:
  Network& network_;
  Loop& loop_;
  const LaneOptions options_;
  path::Sink& sink_;
  std::map<uint64_t, LaneEnd*> live_;
  uint64_t ids_ = 0, resets_ = 0;
};

class Connection final : public Carrier {
 public:
  enum class State { dialling, up, ended };

  Connection(Network&, uint64_t id, ScriptEndpoint& from, const std::string& node, uint16_t port, uint64_t incarnation);
  ~Connection() override;

  State state() const;
  void connect();                // as the hello would: nobody listens, another node or incarnation does, or it succeeds
  void lose();
  uint32_t pending(Side to) const;
  bool deliver(Side to);
  void cut(bool at_dialler, bool at_listener);
  void clog(Side to, bool clogged);
  bool spoil_next(Side to);
  bool double_next(Side to);

  void send(Side from, Message) override;
  void ended(LaneEnd&, bool reset) override;
  bool hears(Side) override;

  LaneEnd& dialled() { return *dialled_; }
  const uint64_t id;
  const std::string dialler, listener;
  bool stalled = false;

 private:
  LaneEnd* at(Side) const;
  bool reaches(Side to) const;
  std::deque<Message>& wire(Side to) { return wires_[static_cast<size_t>(to)]; }
  const std::deque<Message>& wire(Side to) const { return wires_[static_cast<size_t>(to)]; }
  void stop_timer();

  Network& network_;
  Loop& loop_;
  ScriptEndpoint* from_;         // null: it is gone, and so is this end
  ScriptEndpoint* to_ = nullptr;
  const uint16_t port_;
  const uint64_t incarnation_;
  std::unique_ptr<LaneEnd> dialled_, accepted_;
  std::array<std::deque<Message>, 2> wires_;  // by whom they travel towards
  uint64_t timer_ = 0;
};

class Network {
 public:
  Connection& dial(ScriptEndpoint& from, const std::string& node, uint16_t port, uint64_t incarnation);
  ScriptEndpoint* at(uint16_t port);

  std::map<uint16_t, ScriptEndpoint*> listening;
  std::vector<std::unique_ptr<Connection>> connections;  // all that ever were
  std::function<void(const Connection&, Side to, const Message&)> sent;
};

}  // namespace baton::script
