#include "script/world.h"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "script/names.h"

namespace baton::script {

World::~World() {
  for (const auto& node : nodes_) crash(*node);
  std::error_code ignored;
  for (const auto& node : nodes_) std::filesystem::remove(node->bus_options.arena.path, ignored);
}

std::string World::step(const std::string& line) {
  std::istringstream words(line);
  const std::string answer = execute(words);
  settle();
  std::string out = answer.empty() ? "" : "= " + answer + "\n";
  for (const auto& node : nodes_) {
    if (node->bus == nullptr || !node->woken || node->deaf) continue;
    node->woken = false;
    out += drained_lines(node->options.name, node->bus->mailbox().drain());
  }
  for (const auto& [key, text] : std::exchange(told_, {})) out += text;
  for (const auto& connection : network_.connections) {
    const std::string text = connection_line(*connection);
    if (std::exchange(shown_[connection->id], text) != text) out += text;
  }
  for (const auto& node : nodes_) {
    if (node->bus == nullptr) continue;
    out += counter_line(node->options.name, node->bus->counters(), node->counted);
    const std::string wrong = node->bus->arena().check_integrity();
    if (!wrong.empty()) out += node->options.name + " is broken: " + wrong + "\n";
  }
  return out;
}

void World::add_node(std::istringstream& words) {
  auto node = std::make_unique<Node>();
  NodeOptions& o = node->options;
  words >> o.name >> o.port >> o.slots >> o.kib >> o.share >> o.silence_ms >> o.connect_ms;
  node->epochs = o.port * 1000u;
  BusOptions& b = node->bus_options;
  b.node = o.name;
  b.arena = {folder_ + "/" + o.name + ".arena", uint64_t{o.kib} * 1024, o.slots, false};
  b.lane_silence_ms = o.silence_ms;
  b.lane_connect_ms = o.connect_ms;
  b.ticket_share_max = o.share / 100.0;
  nodes_.push_back(std::move(node));
  start(*nodes_.back());
}

std::string World::start(Node& node) {
  if (node.bus == nullptr) {
    const NodeOptions& o = node.options;
    Surroundings outside{
        loop_, pids_, [&node] { return ++node.epochs; },
        [this, &node, &o](path::Sink& sink, uint64_t incarnation, std::string&) {
          network_.sent = [this](const Connection& connection, Side to, const Message& message) {
            told_[{connection.id, to}] += message_line(connection, to, message);
          };
          const LaneOptions lane{o.name, incarnation, o.port, o.silence_ms, o.connect_ms, window_, true};
          auto endpoint = std::make_unique<ScriptEndpoint>(network_, loop_, lane, sink);
          node.endpoint = endpoint.get();
          return endpoint;
        },
        [&node](session::Handler& handler, int arena_fd, std::string&) {
          auto server = std::make_unique<ScriptServer>(handler, arena_fd);
          node.server = server.get();
          return server;
        }};
    node.counted.clear();
    node.bus = std::make_unique<Assembly>(node.bus_options, std::move(outside), [&node] { node.woken = true; });
    std::string error;
    if (!node.bus->start(error)) throw std::runtime_error(error);
  }
  return std::to_string(node.bus->incarnation());
}

std::string World::close(Node& node) {
  if (node.bus == nullptr) return std::to_string(BATON_ERR_CLOSED);
  node.bus->close([](const BusCounters&) {});
  std::string lines = drained_lines(node.options.name, node.bus->mailbox().drain());
  node.bus.reset();
  node.woken = false;
  if (!lines.empty()) lines.pop_back();
  return lines.empty() ? "closed" : "closed\n" + lines;
}

void World::crash(Node& node) {
  if (node.bus == nullptr) return;
  node.endpoint->killed = true;
  node.server->killed = true;
  node.bus.reset();
}

}  // namespace baton::script
