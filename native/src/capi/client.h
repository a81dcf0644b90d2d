#pragma once
// What stands behind a baton_client, and the checks every call begins with.
#include <atomic>
#include <cstdint>
#include <memory>

#include "arena/view.h"
#include "baton.h"
#include "session/client.h"

struct baton_client {
  std::unique_ptr<baton::session::Client> session;
  std::unique_ptr<baton::arena::View> view;
  baton::Geometry geometry;
  baton::Namespace ns{};
  uint64_t incarnation = 0;
  uint64_t device = 0, inode = 0;  // of the arena's file
  std::atomic<uint64_t> gathered_bytes{0}, scattered_bytes{0}, digest_failures{0};
};

namespace baton::capi {

// No exception crosses the ABI. The only ones that happen are failures to allocate.
template <class Call>
int guarded(Call&& call) noexcept {
  try {
    return call();
  } catch (...) {
    return BATON_ERR_ARGUMENT;
  }
}

// A status that the service may answer here: an error, BATON_OK, or `also`.
inline int answered(int status, int also = BATON_OK) {
  return status <= BATON_OK || status == also ? status : BATON_ERR_PROTOCOL;
}

template <class Bytes>
Bytes copied(const uint8_t* from) {
  Bytes bytes;
  std::memcpy(bytes.data(), from, bytes.size());
  return bytes;
}

// The C struct without what it holds beyond its planes.
Geometry geometry_of(const baton_geometry&);

}  // namespace baton::capi
