#pragma once
// The parts of one bus put together. Time, lanes, engines' connections, processes and luck are arguments, so that the same
// bus runs on a thread of its own over sockets (bus.cc) and several to a thread in a script (test/script). Everything but
// the mailbox is used on the loop's thread only.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bus/mailbox.h"
#include "bus/parts.h"
#include "path/endpoint.h"
#include "session/server.h"

namespace baton {

class Traffic;

struct Surroundings {
  Loop& loop;
  const Processes& processes;
  std::function<uint32_t()> epoch;  // of a target's reservation: any number but 0
  // Made once the parts are there. Null and `error` (what to do) on failure.
  std::function<std::unique_ptr<path::Endpoint>(path::Sink&, uint64_t incarnation, std::string& error)> endpoint;
  std::function<std::unique_ptr<session::Server>(session::Handler&, int arena_fd, std::string& error)> server;
};

class Assembly {
 public:
  Assembly(const BusOptions&, Surroundings, std::function<void()> wake);
  // Without close(): as a process that was killed. Nobody is told, the arena's file stays as it is.
  ~Assembly();
  bool start(std::string& error);

  uint64_t incarnation() const { return incarnation_; }
  uint16_t lane_port() const { return port_; }
  Mailbox& mailbox() { return mailbox_; }
  Tickets& tickets() { return *tickets_; }
  Arena& arena() { return *arena_; }
  BusCounters counters() const;
  void owe_chunks();  // a list that could not be given
  // Fails what lives, then ends everything in the order in which it depends on each other, the arena last. `counted`: the
  // last counters.
  void close(const std::function<void(const BusCounters&)>& counted);

 private:
  void publish_soon();
  void publish();
  void reap_soon();

  const BusOptions& options_;
  const Surroundings outside_;
  Mailbox mailbox_;
  std::unique_ptr<Arena> arena_;
  std::optional<Parts> parts_;
  std::unique_ptr<Tickets> tickets_;
  std::unique_ptr<Fills> fills_;
  std::unique_ptr<Engines> engines_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<Arrivals> arrivals_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<path::Endpoint> endpoint_;
  std::unique_ptr<session::Server> server_;
  uint64_t incarnation_ = 0;
  uint16_t port_ = 0;
  uint64_t publish_timer_ = 0, reap_timer_ = 0;
  bool closed_ = false;
};

}  // namespace baton
