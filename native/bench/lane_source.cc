// The sending end of `npm run bench -- lane`: keeps `depth` tickets of one chunk in flight, each gathered from random pages
// (pages) or standing sealed in the arena (arena), and says what a router would say to both services. Prints {"ready":true};
// then each line "SECONDS" on stdin is answered with one line of JSON. Ends with stdin.
//   lane_source --mode arena|pages --page-tokens N --layers N --slots N --chunks N --depth N --lane-port N --folder PATH
#include "node.h"

namespace {

using namespace baton;
using namespace baton::bench;

constexpr uint64_t kWarmNs = 200'000'000;

class Source {
 public:
  explicit Source(Options& o)
      : node_("source", o), depth_(static_cast<uint32_t>(std::stoul(o["depth"]))),
        chunks_(static_cast<uint32_t>(std::stoul(o["chunks"]))), lane_port_(static_cast<uint16_t>(std::stoul(o["lane-port"]))),
        control_(control_connect(o["folder"] + "/control")), salt_(mix(now_ns())) {
    node_.pool.fill();
    // More chunks than the target has slots, sent in turn: the target never holds the next one.
    for (uint32_t i = 0; !node_.by_pages && i < chunks_; ++i) gather(nullptr, bytes_of<Key>(i), i);
    printf("{\"ready\":true}\n");
    fflush(stdout);
  }

  void run() {
    double seconds;
    while (scanf("%lf", &seconds) == 1) measure(seconds);
  }

 private:
  void measure(double seconds) {
    const uint64_t begun = now_ns(), to = begun + kWarmNs + static_cast<uint64_t>(seconds * 1e9);
    uint64_t from = 0, done_before = 0;
    Accounts here, there;
    while (now_ns() < to) {
      if (from == 0 && now_ns() - begun > kWarmNs) {
        there = ask_accounts();
        here = accounts_now(node_.copying_ns);
        done_before = done_;
        from = now_ns();
      }
      while (live_.size() < depth_) open();
      turn();
    }
    const uint64_t ended = now_ns();
    const double gb = static_cast<double>((done_ - done_before) * node_.chunk_bytes()) / 1e9;
    here = accounts_now(node_.copying_ns).since(here);
    there = ask_accounts().since(there);
    while (!live_.empty()) turn();
    report(gb, static_cast<double>(ended - from) / 1e9, here, there, last_checks());
  }

  void open() {
    Message open;
    open.kind = Kind::open;
    open.sequence = sequence_++;
    open.ticket = bytes_of<TicketId>(salt_ + open.sequence);
    open.key = node_.by_pages ? bytes_of<Key>(salt_ + open.sequence) : bytes_of<Key>(open.sequence % chunks_);
    live_[open.ticket] = last_ = open;
    say(control_, open);
  }

  // One wait for anything; then what became ready is done. Filling comes last: the other end is never kept waiting by it.
  void turn() {
    std::vector<pollfd> fds(2);
    fds[1] = {control_, POLLIN, 0};
    node_.wait(fds);
    Message message;
    while (hear(control_, message, closed_)) take(message);
    if (closed_) die("the target is gone");
    if (fds[0].revents == 0) return;
    const Drained drained = node_.bus->drain();
    for (const TicketView& view : drained.tickets) {
      const bool failed = ended(view.state) && view.state != TicketState::settled;
      if (failed) die("a ticket ended with reason " + std::to_string(static_cast<int>(view.reason)));
    }
    for (const Granted& granted : drained.granted) {
      if (!granted.granted) die("expect was refused with reason " + std::to_string(static_cast<int>(granted.reason)));
      if (node_.by_pages) prefill(live_.at(granted.ticket));
    }
  }

  void take(const Message& message) {
    if (message.kind == Kind::granted) {
      ExpectTicket expect;
      expect.ticket = message.ticket;
      expect.engine = "source";
      expect.ns = node_.ns;
      expect.chunks = {{message.key, node_.geometry.chunk_tokens}};
      expect.need = {1};
      expect.epoch = message.epoch;
      expect.target_node = "target";
      expect.target_host = "127.0.0.1";
      expect.target_port = lane_port_;
      expect.lease_ms = 60'000;
      node_.bus->expect(std::move(expect));
    } else if (message.kind == Kind::done) {
      node_.bus->settle(message.ticket);
      live_.erase(message.ticket);
      ++done_;
    } else {
      heard_ = message;
    }
  }

  void prefill(const Message& ticket) {
    uint8_t need = 0;
    const int status = baton_ticket_accept(node_.client, ticket.ticket.data(), ticket.key.data(), 1,
                                           node_.geometry.chunk_tokens, &need);
    if (status != BATON_OK || need != 1) die("accept: " + std::to_string(status));
    gather(ticket.ticket.data(), ticket.key, ticket.sequence);
  }

  void gather(const uint8_t* ticket, const Key& key, uint32_t sequence) {
    baton_slot slot;
    const int status = baton_fill_begin(node_.client, ticket, key.data(), 0, node_.geometry.chunk_tokens, &slot);
    if (status != BATON_OK) die("fill: " + std::to_string(status));
    const std::vector<uint32_t> pages = node_.pool.random_pages(sequence);
    for (uint32_t layer = 0; layer < node_.layers; ++layer) {
      const baton_layer_layout layout = node_.pool.layout(layer);
      const uint64_t begun = now_ns(CLOCK_THREAD_CPUTIME_ID);
      const int copied = baton_gather(node_.client, &slot, layer, 0, node_.geometry.heads, &layout, pages.data(),
                                      static_cast<uint32_t>(pages.size()), 0);
      node_.copying_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
      if (copied != BATON_OK || baton_announce(node_.client, &slot, 1, layer, now_ns()) != BATON_OK) die("gather");
    }
  }

  Message ask(Kind kind, Kind answer) {
    Message question = last_;
    question.kind = kind;
    heard_ = {};
    say(control_, question);
    while (heard_.kind != answer) turn();
    return heard_;
  }
  Accounts ask_accounts() { return ask(Kind::ask_accounts, Kind::accounts).accounts; }
  bool last_checks() { return ask(Kind::check, Kind::checked).ok != 0 && node_.bus->counters().runs_resent == 0; }

  static void report(double gb, double seconds, const Accounts& here, const Accounts& there, bool right) {
    const auto per_gb = [&](uint64_t ns) { return static_cast<double>(ns) / 1e9 / gb; };
    printf("{\"gb_per_s\":%.4f,\"cpu_s_per_gb\":%.4f,\"right\":%s,\"profile\":{\"gather\":%.4f,\"source_engine_other\":%.4f,"
           "\"source_service_user\":%.4f,\"send\":%.4f,\"receive\":%.4f,\"verify\":%.4f,\"scatter\":%.4f,"
           "\"target_engine_other\":%.4f}}\n",
           gb / seconds, per_gb(here.total() + there.total()), right ? "true" : "false", per_gb(here.copying),
           per_gb(here.engine_user + here.engine_system) - per_gb(here.copying), per_gb(here.service_user),
           per_gb(here.service_system), per_gb(there.service_system), per_gb(there.service_user), per_gb(there.copying),
           per_gb(there.engine_user + there.engine_system) - per_gb(there.copying));
    fflush(stdout);
  }

  Node node_;
  uint32_t depth_, chunks_, sequence_ = 0;
  uint16_t lane_port_;
  int control_;
  uint64_t salt_, done_ = 0;
  bool closed_ = false;
  Message last_{}, heard_{};
  std::map<TicketId, Message> live_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options = options_of(argc, argv);
  Source(options).run();
}
