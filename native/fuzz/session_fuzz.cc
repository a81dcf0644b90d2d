// The session decoder on anything a peer can send. Whatever it accepts must have exactly one encoding: the
// bytes it consumed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "session/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baton::session;
  std::span<const uint8_t> rest(data, size);
  std::vector<uint8_t> again;
  for (;;) {
    const Decoded decoded = decode(rest);
    if (!decoded.frame) {
      if (decoded.consumed != 0) std::abort();
      return 0;
    }
    if (decoded.malformed || decoded.consumed == 0 || decoded.consumed > rest.size()) std::abort();
    again.clear();
    encode(*decoded.frame, again);
    if (!std::equal(again.begin(), again.end(), rest.begin(),
                    rest.begin() + static_cast<long>(decoded.consumed))) {
      std::abort();
    }
    rest = rest.subspan(decoded.consumed);
  }
}
