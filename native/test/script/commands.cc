// The script language over the real bus. As test/sim/bus/script/commands.ts.
#include <optional>
#include <stdexcept>

#include "bus/tickets.h"
#include "script/names.h"
#include "script/world.h"

namespace baton::script {
namespace {

template <class T>
T next(std::istringstream& words) {
  T value{};
  words >> value;
  return value;
}

std::string word(std::istringstream& words) { return next<std::string>(words); }
Reason reason(std::istringstream& words) { return static_cast<Reason>(next<uint32_t>(words)); }
Side side(std::istringstream& words) { return word(words) == ">" ? Side::listener : Side::dialler; }
std::string done(bool ok) { return ok ? "yes" : "no"; }

std::optional<TicketId> ticket_or_none(std::istringstream& words) {
  const std::string name = word(words);
  if (name == "-") return {};
  return ticket_of(name);
}

std::string text(const SlotRef& slot) {
  return std::to_string(slot.slot) + "." + std::to_string(slot.generation) + ":" + std::to_string(slot.tokens);
}

}  // namespace

Node& World::node(std::istringstream& words) {
  const std::string name = word(words);
  for (const auto& node : nodes_) {
    if (node->options.name == name) return *node;
  }
  throw std::runtime_error("there is no node " + name);
}

std::string World::execute(std::istringstream& words) {
  const std::string command = word(words);
  std::string answer;
  if (command == "window") window_ = next<uint32_t>(words);
  else if (command == "node") add_node(words);
  else if (command == "advance") loop_.advance(next<uint64_t>(words) * 1'000'000);
  else if (command == "kill") pids_.dead.insert(next<int32_t>(words));
  else if (command == "attach") attach(words, answer);
  else if (!order(command, words, answer) && !carry(command, words, answer) && !call(command, words, answer)) {
    throw std::runtime_error("there is no command " + command);
  }
  return answer;
}

// The transfer service and its life.
bool World::order(const std::string& command, std::istringstream& words, std::string& answer) {
  static const std::set<std::string> orders = {"open", "expect", "abort", "renew", "settle", "refuse",
                                               "list", "deaf",   "hear",  "crash", "close",  "start"};
  if (!orders.contains(command)) return false;
  Node& node = this->node(words);
  if (command == "start") return answer = start(node), true;
  if (command == "close") return answer = close(node), true;
  if (command == "crash") return crash(node), true;
  if (command == "deaf" || command == "hear") return node.deaf = command == "deaf", true;
  if (command == "list") {
    answer = node.bus == nullptr ? std::to_string(BATON_ERR_CLOSED) : list_line(*node.bus);
    return true;
  }
  if (node.bus == nullptr) return true;
  Tickets& tickets = node.bus->tickets();
  if (command == "refuse") return tickets.refuse_new(), true;
  const TicketId ticket = ticket_of(word(words));
  if (command == "abort") tickets.abort(ticket, reason(words));
  else if (command == "renew") tickets.renew(ticket, next<uint32_t>(words));
  else if (command == "settle") tickets.settle(ticket);
  else if (command == "open") {
    OpenTicket open;
    open.ticket = ticket;
    open.engine = word(words);
    open.ns = namespace_of(word(words));
    open.source_node = word(words);
    open.source_engine = word(words);
    open.lease_ms = next<uint32_t>(words);
    for (const ScriptChunk& c : chunks_of(word(words))) open.chunks.push_back(c.chunk);
    tickets.open(open);
  } else {
    ExpectTicket expect;
    expect.ticket = ticket;
    expect.engine = word(words);
    expect.ns = namespace_of(word(words));
    expect.target_node = word(words);
    expect.target_host = "127.0.0.1";
    expect.target_port = next<uint16_t>(words);
    expect.epoch = next<uint32_t>(words);
    expect.lease_ms = next<uint32_t>(words);
    for (const ScriptChunk& c : chunks_of(word(words))) {
      expect.chunks.push_back(c.chunk);
      expect.need.push_back(c.needed);
    }
    tickets.expect(expect);
  }
  return true;
}

void World::attach(std::istringstream& words, std::string& answer) {
  const std::string handle = word(words);
  Node& node = this->node(words);
  session::Attach request{};
  request.abi = BATON_ABI_VERSION;
  request.engine = word(words);
  request.ns = namespace_of(word(words));
  request.geometry = geometry_of(word(words));
  request.pid = next<int32_t>(words);
  answer = std::to_string(BATON_ERR_CLOSED);
  if (node.bus == nullptr) return;
  auto engine = std::make_unique<Engine>(*node.server, lives_, node.options.name, request);
  answer = std::to_string(engine->code());
  if (engine->code() == BATON_OK) engines_[handle] = std::move(engine);
}

bool World::carry(const std::string& command, std::istringstream& words, std::string& answer) {
  static const std::set<std::string> ways = {"connect", "lose", "deliver", "cut", "stall", "resume", "clog", "flush", "spoil", "twice"};
  if (!ways.contains(command)) return false;
  const auto number = next<size_t>(words);
  Connection* one = number <= network_.connections.size() ? network_.connections[number - 1].get() : nullptr;
  const bool answers = command == "deliver" || command == "spoil" || command == "twice";
  if (one == nullptr) return answer = answers ? "no" : "", true;
  if (command == "connect") one->connect();
  else if (command == "lose") one->lose();
  else if (command == "stall") one->stalled = true;
  else if (command == "resume") one->stalled = false;
  else if (command == "clog" || command == "flush") one->clog(side(words), command == "clog");
  else if (command == "deliver") answer = done(one->deliver(side(words)));
  else if (command == "spoil") answer = done(one->spoil_next(side(words)));
  else if (command == "twice") answer = done(one->double_next(side(words)));
  else {
    const std::string end = word(words);
    one->cut(end != ">", end != "<");
  }
  return true;
}

// What engines call.
bool World::call(const std::string& command, std::istringstream& words, std::string& answer) {
  const auto found = engines_.find(word(words));
  if (found == engines_.end()) throw std::runtime_error("there is no such engine for " + command);
  Engine& engine = *found->second;
  const auto say = [&](int code) { answer = std::to_string(code); };
  if (command == "hangup") return engine.hang_up(), true;
  if (command == "detach") return engine.detach(), true;
  if (command == "lookup") return say(static_cast<int>(engine.lookup(keys_of(word(words))))), true;
  if (command == "poll") return say(engine.poll(ticket_of(word(words)))), true;
  if (command == "forget") return engine.forget(ticket_of(word(words))), true;
  if (command == "accept") {
    const TicketId ticket = ticket_of(word(words));
    const auto tokens = next<uint32_t>(words);
    const session::Accepted accepted = engine.accept(ticket, keys_of(word(words)), tokens);
    std::string need;
    for (const uint8_t bit : accepted.need) need += std::to_string(bit);
    answer = std::to_string(accepted.status) + " " + (need.empty() ? "-" : need);
    return true;
  }
  if (command == "scattered") {
    const TicketId ticket = ticket_of(word(words));
    return say(engine.scattered(ticket, next<uint32_t>(words), loop_.now_ns())), true;
  }
  const std::string name = word(words);
  if (command == "begin") {
    const std::optional<TicketId> ticket = ticket_or_none(words);
    const Key key = key_of(word(words));
    const auto chunk = next<uint32_t>(words), tokens = next<uint32_t>(words);
    SlotRef slot;
    const int code = engine.begin(ticket ? &*ticket : nullptr, key, chunk, tokens, slot);
    if (code == BATON_OK) slots_[name] = slot;
    answer = std::to_string(code) + (code == BATON_OK ? " " + text(slot) : "");
    return true;
  }
  if (command == "claim") {
    const std::optional<TicketId> ticket = ticket_or_none(words);
    Claim claim;
    const int code = engine.claim(ticket ? &*ticket : nullptr, keys_of(word(words)), claim.id, claim.slots);
    answer = std::to_string(code) + " ";
    for (size_t i = 0; i < claim.slots.size(); ++i) answer += (i > 0 ? "," : "") + text(claim.slots[i]);
    if (claim.slots.empty()) answer += "-";
    if (code == BATON_OK) claims_[name] = claim;
    return true;
  }
  if (command == "ready" || command == "copy" || command == "abandon") {
    if (!slots_.contains(name)) return answer = "none", true;
    const SlotRef& slot = slots_[name];
    const auto layer = next<uint32_t>(words), value = next<uint32_t>(words);
    if (command == "ready") say(engine.ready(slot, layer, value, loop_.now_ns()));
    else if (command == "abandon") say(engine.abandon(slot));
    else engine.late_copy(slot, layer, value), answer = "late";
    return true;
  }
  if (command != "release" && command != "scatter" && command != "corrupt") return false;
  if (!claims_.contains(name)) return answer = "none", true;
  const Claim& claim = claims_[name];
  if (command == "release") return say(engine.release(claim.id)), true;
  const auto index = next<size_t>(words);
  if (index >= claim.slots.size()) return answer = "none", true;
  if (command == "corrupt") return say(engine.corrupt(claim.slots[index])), true;
  std::string values;
  const int code = engine.scatter(claim.slots[index], values);
  answer = std::to_string(code) + " " + (values.empty() ? "-" : values);
  return true;
}

}  // namespace baton::script
