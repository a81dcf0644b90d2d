#pragma once
// The endpoint of lanes over TCP: listens, dials, and knows the connections that live.
#include <memory>
#include <string>

#include "base/loop.h"
#include "path/endpoint.h"
#include "path/tcp/options.h"

namespace baton::path::tcp {

// Null and `error` (what to do) on failure. Without a key only a loopback host is accepted.
std::unique_ptr<Endpoint> listen(Loop&, const Options&, Sink&, std::string& error);

}  // namespace baton::path::tcp
