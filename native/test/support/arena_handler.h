#pragma once
// The simplest service: sessions over a real arena, no tickets' rules, no lanes. And an engine attached to it
// through the C ABI.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "baton.h"
#include "support/session_service.h"

namespace baton::test {

class ArenaHandler : public ScriptedHandler {
 public:
  explicit ArenaHandler(uint64_t arena_bytes = 4u << 20);
  Arena& arena() { return *arena_; }  // on the loop's thread, or when it stands still

  void abandon(session::SessionId, const session::Abandon&) override;
  void announce(session::SessionId, const session::Announce&) override;
  void release(session::SessionId, const session::Release&) override;
  void corrupt(session::SessionId, const session::Corrupt&) override;
  void ended(session::SessionId) override;

 private:
  session::Attached attach_engine(session::SessionId, const session::Attach&);
  session::Slot begin(session::SessionId, const session::Fill&);
  session::Claimed claim_chunks(const session::Claim&);

  TempFolder folder_;
  std::unique_ptr<Arena> arena_;
  std::map<session::SessionId, session::Attach> engines_;
  std::map<uint64_t, std::vector<SlotId>> claims_;
  uint64_t ids_ = 0;
};

Geometry small_geometry();  // 3 layers, 2 heads, planes of 64 and 32 bytes, chunks of 64 tokens
Key key_of(uint32_t number);
std::vector<uint8_t> keys_below(uint32_t n);  // keys 0 to n-1, one after the other

// One engine's client. `status` and `error` tell how attach went.
class Engine {
 public:
  explicit Engine(const std::string& socket_path, const std::string& name = "engine",
                  const Geometry& geometry = small_geometry());
  ~Engine() { baton_detach(client); }
  Engine(const Engine&) = delete;

  baton_client* client = nullptr;
  int status;
  std::string error;
};

}  // namespace baton::test
