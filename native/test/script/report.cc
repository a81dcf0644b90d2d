// What happened in one step, as lines. As test/sim/bus/script/report.ts.
#include <algorithm>

#include "script/names.h"
#include "script/world.h"

namespace baton::script {
namespace {

constexpr const char* kStates[] = {"none",    "reserved", "streaming", "landed", "claimed",
                                   "settled", "aborted",  "expired",   "failed"};

std::string text(Reason reason) { return std::to_string(static_cast<uint32_t>(reason)); }
std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return or_dash(out);
}

std::string ticket_line(const TicketView& t) {
  std::ostringstream out;
  out << name_of(t.ticket) << ' ' << t.role << ' ' << kStates[static_cast<size_t>(t.state)] << " reason="
      << text(t.reason) << " chunks=" << t.chunks_landed << '/' << t.chunks_needed << '/' << t.chunks << " claims="
      << t.claims << " corrupt=" << t.chunks_corrupt << " bytes=" << t.bytes_out << '/' << t.bytes_in << " resent=" << t.runs_resent << " peer=" << t.peer;
  std::vector<std::string> stamps;
  for (const LayerStamps& l : t.layers) {
    for (const uint64_t ns : {l.computed_first_ns, l.computed_ns, l.out_ns, l.landed_ns, l.scattered_ns}) {
      stamps.push_back(std::to_string(ns / 1'000'000));
    }
  }
  out << " stamps=" << joined(stamps);
  return out.str();
}

}  // namespace

std::string drained_lines(const std::string& node, const Drained& drained) {
  std::ostringstream out;
  for (const Granted& g : drained.granted) {
    out << node << ' ' << name_of(g.ticket) << ' ' << g.role;
    std::string need;
    for (const uint8_t bit : g.need) need += std::to_string(bit);
    if (g.granted) out << " granted need=" << or_dash(need) << " epoch=" << g.epoch;
    else out << " refused reason=" << text(g.reason);
    out << " free=" << g.free_bytes << '\n';
  }
  for (const TicketView& ticket : drained.tickets) out << node << ' ' << ticket_line(ticket) << '\n';
  if (drained.relist) out << node << " relist\n";
  for (const Arena::Event& event : drained.chunks) {
    out << node << (event.kind == ChunkEvent::stored ? " stored " : " removed ") << name_of(event.key) << " tokens="
        << event.tokens << '\n';
  }
  for (const AttachmentEvent& event : drained.attachments) {
    out << node << (event.attached ? " attached " : " detached ") << event.engine << " pid=" << event.pid << '\n';
  }
  return out.str();
}

std::string list_line(Assembly& bus) {
  std::vector<std::string> tickets, chunks, engines;
  for (const TicketView& t : bus.mailbox().live_tickets()) {
    tickets.push_back(name_of(t.ticket) + ":" + kStates[static_cast<size_t>(t.state)]);
  }
  std::sort(tickets.begin(), tickets.end());
  for (const Arena::Event& event : bus.arena().list()) {
    chunks.push_back(name_of(event.key) + ":" + std::to_string(event.tokens));
  }
  for (const AttachmentEvent& engine : bus.mailbox().attachments()) engines.push_back(engine.engine);
  return "tickets " + joined(tickets) + " chunks " + joined(chunks) + " engines " + joined(engines);
}

std::string counter_line(const std::string& node, const BusCounters& c, std::map<std::string, uint64_t>& last) {
  const std::pair<const char*, uint64_t> all[] = {
      {"tickets_live", c.tickets_live}, {"tickets_opened", c.tickets_opened}, {"tickets_expected", c.tickets_expected},
      {"tickets_refused", c.tickets_refused}, {"tickets_landed", c.tickets_landed},
      {"tickets_settled", c.tickets_settled}, {"tickets_aborted", c.tickets_aborted},
      {"tickets_expired", c.tickets_expired}, {"tickets_failed", c.tickets_failed}, {"runs_resent", c.runs_resent},
      {"stripes_wrong", c.stripes_wrong}, {"refused_unknown", c.refused_unknown}, {"refused_foreign", c.refused_foreign},
      {"refused_ended", c.refused_ended}, {"late_messages", c.late_messages}, {"sessions_up", c.sessions_up},
      {"fills_begun", c.fills_begun}, {"fills_full", c.fills_full}, {"claims", c.claims},
      {"corrupt_reported", c.corrupt_reported}, {"lane_resets", c.lane_resets},
      {"lane_hello_refused", c.lane_hello_refused}, {"lanes_up", c.lanes_up}, {"arena_bytes_used", c.arena.bytes_used},
      {"arena_bytes_pinned", c.arena.bytes_pinned}, {"arena_bytes_sealed", c.arena.bytes_sealed},
      {"arena_slots_used", c.arena.slots_used}, {"arena_pins", c.arena.pins}, {"arena_quiescing", c.arena.quiescing},
      {"arena_evictions", c.arena.evictions}, {"arena_double_seals", c.arena.double_seals}};
  std::string changed;
  for (const auto& [name, value] : all) {
    if (std::exchange(last[name], value) != value) changed += std::string(" ") + name + "=" + std::to_string(value);
  }
  return changed.empty() ? "" : node + " counts" + changed + "\n";
}

std::string message_line(const Connection& connection, Side to, const Message& m) {
  constexpr const char* kinds[] = {"ready", "run", "ack", "cancel", "quiesced"};
  std::ostringstream out;
  out << connection.id << (to == Side::listener ? " > " : " < ") << kinds[static_cast<size_t>(m.kind)];
  if (m.kind == Kind::ready) return out.str() + "\n";
  out << ' ' << name_of(m.run.ticket) << " epoch=" << m.run.epoch;
  if (m.kind == Kind::run || m.kind == Kind::ack) {
    out << " chunk=" << m.run.chunk << " stripes=" << m.run.stripe_first << '+' << m.run.stripe_count;
  }
  if (m.kind == Kind::run) {
    std::vector<std::string> values;
    const uint64_t stripe = m.run.length / m.run.stripe_count;
    for (uint32_t i = 0; i < m.run.stripe_count; ++i) values.push_back(std::to_string(value_of(m.bytes.data() + i * stripe)));
    out << " values=" << joined(values);
  } else if (m.kind == Kind::ack) {
    out << " landing=" << static_cast<uint32_t>(m.landing) << " reason=" << text(m.reason);
  } else {
    out << " reason=" << text(m.reason);
  }
  return out.str() + "\n";
}

std::string connection_line(const Connection& c) {
  constexpr const char* states[] = {"dialling", "up", "ended"};
  std::ostringstream out;
  out << c.id << ' ' << c.dialler << '-' << c.listener << ' ' << states[static_cast<size_t>(c.state())] << " >"
      << c.pending(Side::listener) << " <" << c.pending(Side::dialler) << '\n';
  return out.str();
}

}  // namespace baton::script
