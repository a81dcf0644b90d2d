#pragma once
// The engines attached to this node and what they ask of tickets: accept, watch, claim, release.
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/parts.h"
#include "bus/ticket.h"
#include "session/server.h"

namespace baton {

class Engines final : public session::Handler {
 public:
  explicit Engines(Parts& parts) : parts_(parts) {}
  void serve(session::Server* server) { server_ = server; }

  const session::Attach* attachment(const std::string& engine, const Namespace&) const;
  // The sealed slot of this key, if it is of this namespace and geometry and has so many tokens (0: any number).
  SlotId held(const Key&, const Namespace&, const Geometry&, uint32_t tokens) const;
  // A live ticket that names this engine as the one who fills; else null and the code to answer with.
  Ticket* ticket_to_fill(const session::Attach&, const TicketId&, int32_t& code);
  void push(const Ticket&);

  session::Attached attach(session::SessionId, const session::Attach&) override;
  session::Accepted accept(session::SessionId, const session::Accept&) override;
  session::Ticket watch(session::SessionId, const session::Watch&) override;
  void forget(session::SessionId, const session::Forget&) override;
  session::Slot fill(session::SessionId, const session::Fill&) override;
  void abandon(session::SessionId, const session::Abandon&) override;
  void announce(session::SessionId, const session::Announce&) override;
  session::Claimed claim(session::SessionId, const session::Claim&) override;
  void release(session::SessionId, const session::Release&) override;
  void scattered(session::SessionId, const session::Scattered&) override;
  void corrupt(session::SessionId, const session::Corrupt&) override;
  void quiesced(session::SessionId, const session::Quiesced&) override;
  void ended(session::SessionId) override;
  void gone(session::SessionId) override;

 private:
  using Claims = std::map<uint64_t, std::vector<SlotId>>;
  struct Session {
    session::Attach engine;
    Claims claims;
  };
  session::Accepted accept_ended(const session::Attach&, const session::Accept&);
  Ticket* ticket_to_load(const session::Attach&, const TicketId&, int32_t& code);
  int32_t not_live(const TicketId&);               // counts, and the code to answer with
  SlotId claimable(const Ticket*, size_t& from, const Key&, const session::Attach&) const;
  void event(const session::Attach&, bool attached);
  void unpin(const std::vector<SlotId>& chain);

  Parts& parts_;
  session::Server* server_ = nullptr;
  std::map<session::SessionId, Session> sessions_;
  std::unordered_map<session::SessionId, Claims> left_;  // of ended sessions whose engines may still read
  uint64_t claims_ = 0;
};

}  // namespace baton
