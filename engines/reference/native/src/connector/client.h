#pragma once
// The session with this node's service. Held by JavaScript and by what runs for it: the last one detaches.
#include <memory>

#include "baton.h"

namespace baton::reference {

using Client = std::shared_ptr<baton_client>;
inline Client own(baton_client* client) { return Client(client, baton_detach); }

}  // namespace baton::reference
