#pragma once
#include <doctest/doctest.h>

#include <memory>

#include "support/bus_engine.h"

namespace baton::test {

// Nodes a and b with a prefill engine "p" on a and a decode engine "d" on b.
struct BusPair {
  explicit BusPair(uint64_t bytes_a = 32 << 20, uint64_t bytes_b = 32 << 20)
      : a(bus_options(folder, "a", bytes_a)),
        b(bus_options(folder, "b", bytes_b)),
        p(std::make_unique<BusEngine>(folder.file("a.sock"), "p")),
        d(std::make_unique<BusEngine>(folder.file("b.sock"), "d")) {
    REQUIRE(p->status() == BATON_OK);
    REQUIRE(d->status() == BATON_OK);
  }
  Granted open(const Prompt& prompt) {
    b.bus->open(prompt.open("d", "a", "p"));
    return b.granted(prompt.ticket);
  }
  Granted expect(const Prompt& prompt, const Granted& opened) {
    a.bus->expect(prompt.expect("p", opened, "b", b.bus->lane_port()));
    return a.granted(prompt.ticket);
  }
  void reserve(const Prompt& prompt) {
    const Granted opened = open(prompt);
    REQUIRE(opened.granted);
    REQUIRE(expect(prompt, opened).granted);
  }
  void settle_and_check_baseline(const Prompt& prompt) {
    b.bus->settle(prompt.ticket);
    CHECK(a.wait_state(prompt.ticket, TicketState::settled));
    CHECK(b.wait_state(prompt.ticket, TicketState::settled));
    CHECK(a.at_baseline());
    CHECK(b.at_baseline());
  }

  BusFolder folder;
  BusNode a, b;
  std::unique_ptr<BusEngine> p, d;
};

}  // namespace baton::test
