#pragma once
// This node's end of all its lanes, whatever path they take: takes what others dial, dials, and knows the lanes that live.
#include <cstdint>
#include <string>

#include "path/path.h"

namespace baton::path {

struct EndpointStats {
  LaneStats lanes{};               // of all lanes that ever were
  uint64_t hello_refused = 0, lanes_up = 0;
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;
  virtual uint16_t port() const = 0;
  // A lane to the node of this name; its id. Sink::up or Sink::down follows, never from inside this call.
  // `incarnation` not 0: only that one.
  virtual uint64_t dial(const std::string& node, const std::string& host, uint16_t port, uint64_t incarnation) = 0;
  virtual Lane* find(uint64_t id) = 0;                 // one that is up, or null
  virtual uint64_t peer_incarnation(uint64_t id) const = 0;
  virtual void need(uint64_t id, bool needed) = 0;     // a ticket lives on it: heartbeats, and silence ends it
  virtual void close(uint64_t id) = 0;                 // without Sink::down
  virtual EndpointStats stats() const = 0;
};

}  // namespace baton::path
