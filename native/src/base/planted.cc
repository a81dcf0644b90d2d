#include "base/planted.h"

#ifdef BATON_PLANTED
#include <cstddef>
#include <cstring>

namespace baton {
namespace {

// In the order of Planted.
constexpr const char* kNames[] = {
    "none",        "early-reuse", "freed-pinned",    "old-header", "takeover-reuse", "any-life",  "early-seal", "one-ack",
    "credit-leak", "lane-reads",  "any-incarnation", "any-epoch",  "lost-progress",  "lost-wake", "late-lease", "unchecked"};
static_assert(sizeof kNames / sizeof *kNames == static_cast<size_t>(Planted::unchecked) + 1);

Planted one = Planted::none;

}  // namespace

bool planted(Planted bug) { return one == bug; }

bool plant(const char* name) {
  for (size_t i = 1; i < sizeof kNames / sizeof *kNames; ++i) {
    if (std::strcmp(kNames[i], name) != 0) continue;
    one = static_cast<Planted>(i);
    return true;
  }
  return false;
}

}  // namespace baton
#endif
