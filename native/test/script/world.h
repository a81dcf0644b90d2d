#pragma once
// Runs a script over the real bus: nodes, engines and connections by the names that the script gives them, one thread, one
// clock. One line is one step: it is done, everything that is due then happens, and what happened is told as lines
// (docs/simulation-native.md). As test/sim/bus/script/world.ts.
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "bus/assembly.h"
#include "script/engine.h"
#include "script/lanes.h"
#include "script/script_loop.h"

namespace baton::script {

struct NodeOptions {
  std::string name;
  uint16_t port = 0;
  uint32_t slots = 0, kib = 0, share = 0, silence_ms = 0, connect_ms = 0;
};

struct Node {
  NodeOptions options;
  BusOptions bus_options;
  std::unique_ptr<Assembly> bus;       // null: the service is down
  ScriptEndpoint* endpoint = nullptr;  // of the bus
  ScriptServer* server = nullptr;
  bool woken = false, deaf = false;
  uint32_t epochs = 0;
  std::map<std::string, uint64_t> counted;
};

struct Claim { uint64_t id = 0; std::vector<SlotRef> slots; };

class World {
 public:
  explicit World(std::string folder) : folder_(std::move(folder)) {}
  ~World();

  // What the line answers and what it leads to.
  std::string step(const std::string& line);

 private:
  class Pids final : public Processes {
   public:
    uint64_t start_time(int32_t pid) const override { return dead.contains(pid) ? 0 : 1; }
    bool lives(int32_t pid, uint64_t) const override { return pid > 0 && !dead.contains(pid); }
    std::set<int32_t> dead;
  };

  std::string execute(std::istringstream& words);  // commands.cc; empty: no answer
  bool order(const std::string& command, std::istringstream& words, std::string& answer);
  bool call(const std::string& command, std::istringstream& words, std::string& answer);
  bool carry(const std::string& command, std::istringstream& words, std::string& answer);
  void add_node(std::istringstream& words);
  std::string start(Node&);
  std::string close(Node&);
  void crash(Node&);
  void attach(std::istringstream& words, std::string& answer);
  Node& node(std::istringstream& words);
  void settle() { loop_.advance(0); }

  const std::string folder_;
  ScriptLoop loop_;
  Pids pids_;
  Lives lives_{pids_};
  Network network_;
  uint32_t window_ = 3;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, std::unique_ptr<Engine>> engines_;  // by handle
  std::map<std::string, SlotRef> slots_;
  std::map<std::string, Claim> claims_;
  std::map<std::pair<uint64_t, Side>, std::string> told_;   // messages of this step
  std::map<uint64_t, std::string> shown_;                   // connections as they were told last
};

// report.cc
std::string drained_lines(const std::string& node, const Drained&);
std::string list_line(Assembly&);
std::string counter_line(const std::string& node, const BusCounters&, std::map<std::string, uint64_t>& last);
std::string message_line(const Connection&, Side to, const Message&);
std::string connection_line(const Connection&);

}  // namespace baton::script
