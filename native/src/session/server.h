#pragma once
// The service's end of the unix socket: accepts engines, frames, hands each message to the handler and its answer back.
// A peer's death, a malformed frame or an engine that does not read ends its session, never the service.
//
// A session that has ended is not over for its engine: that may still copy into or out of the slots it was given. Its end
// of the socket tells. libbaton keeps it open until detach, so it closes only then or with the process, and until then
// the service keeps its own end too, without reading it.
#include <cstdint>
#include <memory>
#include <string>

#include "base/loop.h"
#include "session/messages.h"

namespace baton::session {

using SessionId = uint64_t;

class Handler {
 public:
  virtual ~Handler() = default;
  // Attached.status BATON_OK: the session is live from now on and the arena's descriptor goes with the answer.
  virtual Attached attach(SessionId, const Attach&) = 0;
  virtual Accepted accept(SessionId, const Accept&) = 0;
  virtual Ticket watch(SessionId, const Watch&) = 0;
  virtual void forget(SessionId, const Forget&) = 0;
  virtual Slot fill(SessionId, const Fill&) = 0;
  virtual void abandon(SessionId, const Abandon&) = 0;
  virtual void announce(SessionId, const Announce&) = 0;
  virtual Claimed claim(SessionId, const Claim&) = 0;
  virtual void release(SessionId, const Release&) = 0;
  virtual void scattered(SessionId, const Scattered&) = 0;
  virtual void corrupt(SessionId, const Corrupt&) = 0;
  virtual void quiesced(SessionId, const Quiesced&) = 0;
  // Called once for every session that was attached, whatever ended it: no message of it comes any more.
  virtual void ended(SessionId) = 0;
  // After that: the engine has closed its end, so nobody reads or writes what was given to this session. Not called when
  // the server itself ends first.
  virtual void gone(SessionId) = 0;
};

struct ServerStats { uint64_t sessions_up, malformed, cut_slow; };

class Server {
 public:
  // Binds `path` (mode 0600; a stale socket file of a dead service is replaced, a live one is an error).
  static std::unique_ptr<Server> listen(Loop&, const std::string& path, int arena_fd, Handler&, std::string& error);
  virtual ~Server() = default;                      // ends all sessions, removes the socket file
  virtual void push(SessionId, const Ticket&) = 0;  // progress of a watched ticket
  virtual void end(SessionId) = 0;
  virtual ServerStats stats() const = 0;
};

}  // namespace baton::session
