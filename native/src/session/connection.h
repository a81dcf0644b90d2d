#pragma once
// One engine's connection at the service: bytes in, whole frames out of them, bytes to send. Knows nothing of
// meaning.
#include <cstdint>
#include <vector>

#include "session/server.h"
#include "session/socket.h"

namespace baton::session {

struct Connection {
  SessionId id = 0;
  Fd fd;
  int32_t pid = 0;            // of the peer, as the kernel says
  uint64_t attach_timer = 0;  // 0 once attached
  bool attached = false;
  bool ending = false;    // nothing more is read or sent; the loop ends it
  bool draining = false;  // refused: the answer goes out, then it ends
  std::vector<uint8_t> in;
  SendQueue out;
};

}  // namespace baton::session
