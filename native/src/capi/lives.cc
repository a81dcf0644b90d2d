#include "capi/lives.h"

#include <algorithm>
#include <mutex>
#include <vector>

namespace baton::capi {
namespace {

// Never destroyed: a client may outlive static objects.
struct Clients {
  std::mutex mutex;
  std::vector<baton_client*> live;
};

Clients& clients() {
  static Clients& all = *new Clients;
  return all;
}

bool same_arena(const baton_client& a, const baton_client& b) { return a.device == b.device && a.inode == b.inode; }

// With the lock held: tells the arena's service when all clients of it here are of one life. Each of them says so: of a
// session that was cut the service reads nothing more, and its client need not know yet.
void tell(const std::vector<baton_client*>& live, const baton_client& of) {
  std::vector<baton_client*> own;
  for (baton_client* client : live) {
    if (same_arena(*client, of)) own.push_back(client);
  }
  const auto same_life = [&](const baton_client* client) { return client->incarnation == own.front()->incarnation; };
  if (!std::all_of(own.begin(), own.end(), same_life)) return;
  for (baton_client* client : own) client->session->post(session::Quiesced{client->incarnation});
}

}  // namespace

void begin_life(baton_client& client) {
  Clients& all = clients();
  const std::lock_guard lock(all.mutex);
  all.live.push_back(&client);
  tell(all.live, client);
}

// Nobody calls this client any more, so it copies nothing from here on, mapped or not.
void end_life(std::unique_ptr<baton_client> client) {
  Clients& all = clients();
  const std::lock_guard lock(all.mutex);
  std::erase(all.live, client.get());
  tell(all.live, *client);
}

}  // namespace baton::capi
