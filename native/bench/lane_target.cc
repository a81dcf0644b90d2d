// The receiving end of `npm run bench -- lane`: its service lands and verifies tickets, its engine scatters what landed into
// random pages. Prints {"lane_port":N} once it is ready and ends with the other end.
//   lane_target --mode arena|pages --page-tokens N --layers N --slots N --verify-scatter 0|1 --folder PATH
#include "node.h"

namespace {

using namespace baton;
using namespace baton::bench;

class Target {
 public:
  explicit Target(Options& o) : node_("target", o), verify_scatter_(o["verify-scatter"] == "1") {
    const int listener = control_listen(o["folder"] + "/control");
    printf("{\"lane_port\":%u}\n", node_.bus->lane_port());
    fflush(stdout);
    control_ = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    close(listener);
  }

  void run() {
    std::vector<pollfd> fds(2);
    while (!closed_) {
      fds[1] = {control_, POLLIN, 0};
      node_.wait(fds);
      Message message;
      while (hear(control_, message, closed_)) take(message);
      if (fds[0].revents != 0) drain();
    }
  }

 private:
  void take(const Message& message) {
    Message answer = message;
    switch (message.kind) {
      case Kind::open: {
        OpenTicket open;
        open.ticket = message.ticket;
        open.engine = "target";
        open.ns = node_.ns;
        open.chunks = {{message.key, node_.geometry.chunk_tokens}};
        open.source_node = "source";
        open.lease_ms = 60'000;
        live_[message.ticket] = message;
        node_.bus->open(std::move(open));
        return;
      }
      case Kind::ask_accounts:
        answer.kind = Kind::accounts;
        answer.accounts = accounts_now(node_.copying_ns);
        return say(control_, answer);
      case Kind::check:
        answer.kind = Kind::checked;
        answer.ok = node_.by_pages ? right_pages(message) : node_.bus->counters().stripes_wrong == 0;
        return say(control_, answer);
      default: die("the source says what only a target says");
    }
  }

  void drain() {
    const Drained drained = node_.bus->drain();
    for (const Granted& granted : drained.granted) {
      Message answer = live_.at(granted.ticket);
      answer.kind = Kind::granted;
      answer.ok = granted.granted && granted.need.size() == 1 && granted.need[0] == 1;
      if (!answer.ok) die("open was answered with reason " + std::to_string(static_cast<int>(granted.reason)));
      answer.epoch = granted.epoch;
      say(control_, answer);
    }
    for (const TicketView& view : drained.tickets) {
      const auto it = live_.find(view.ticket);
      if (it == live_.end()) continue;
      if (ended(view.state)) die("a ticket ended with reason " + std::to_string(static_cast<int>(view.reason)));
      if (view.state != TicketState::landed) continue;
      Message done = it->second;
      live_.erase(it);
      if (node_.by_pages) scatter(done);
      node_.bus->settle(view.ticket);
      done.kind = Kind::done;
      say(control_, done);
    }
  }

  void scatter(const Message& ticket) {
    baton_slot slot;
    uint32_t claimed = 0;
    uint64_t claim = 0;
    const int status = baton_claim(node_.client, ticket.ticket.data(), ticket.key.data(), 1, &slot, &claimed, &claim);
    if (status != BATON_OK || claimed != 1) die("claim: " + std::to_string(status));
    const std::vector<uint32_t> pages = node_.pool.random_pages(~uint64_t{ticket.sequence});
    const uint64_t begun = now_ns(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t layer = 0; layer < node_.layers; ++layer) {
      const baton_layer_layout layout = node_.pool.layout(layer);
      const int copied = baton_scatter(node_.client, &slot, layer, 0, node_.geometry.heads, &layout, pages.data(),
                                       static_cast<uint32_t>(pages.size()), 0, 0, slot.tokens, verify_scatter_);
      if (copied != BATON_OK) die("scatter: " + std::to_string(copied));
    }
    node_.copying_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - begun;
    baton_release(node_.client, claim);
  }

  // The pages of the last ticket hold what stands in the source's pages: both pools are functions of their addresses.
  uint32_t right_pages(const Message& ticket) {
    Pool source(node_.geometry, node_.pool.page_tokens(), node_.pool.bytes());
    source.fill();
    const auto from = source.random_pages(ticket.sequence), to = node_.pool.random_pages(~uint64_t{ticket.sequence});
    const baton_geometry g = {node_.geometry.layers, node_.geometry.heads, 2, {256, 256}, node_.geometry.chunk_tokens};
    for (uint32_t stripe = 0; stripe < node_.geometry.stripes(); ++stripe) {
      const uint32_t layer = stripe / g.heads, head = stripe % g.heads;
      uint8_t there[BATON_DIGEST_BYTES], here[BATON_DIGEST_BYTES];
      const baton_layer_layout a = source.layout(layer), b = node_.pool.layout(layer);
      const auto n = static_cast<uint32_t>(to.size());
      baton_digest_pages(&g, ticket.key.data(), layer, head, g.chunk_tokens, &a, from.data(), n, 0, there);
      baton_digest_pages(&g, ticket.key.data(), layer, head, g.chunk_tokens, &b, to.data(), n, 0, here);
      if (std::memcmp(there, here, sizeof here) != 0) return 0;
    }
    return 1;
  }

  Node node_;
  bool verify_scatter_, closed_ = false;
  int control_ = -1;
  std::map<TicketId, Message> live_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options = options_of(argc, argv);
  Target(options).run();
}
