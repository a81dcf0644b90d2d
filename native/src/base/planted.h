#pragma once
// Bugs put in on purpose, one at a time, so that the random scripts over the bus can show that they find such bugs
// (docs/simulation-native.md). They exist only in builds with the CMake option PLANTED; in every other one planted() is a
// constant and its branches are not compiled in.
#include <cstdint>

namespace baton {

enum class Planted : uint8_t {
  none,
  early_reuse,      // an abandoned slot is free at once, though its engine may still write it
  freed_pinned,     // a corrupt chunk's slot is freed under its readers
  old_header,       // a new fill finds the bits and digests of the slot's earlier one
  takeover_reuse,   // a new incarnation frees what engines of the earlier one may still write
  any_life,         // a word about what an earlier incarnation gave frees what this one gave too
  early_seal,       // a chunk is sealed with its last layer, whatever the others are
  one_ack,          // one run's acknowledgement is taken for the whole chunk's
  credit_leak,      // runs that were lost with a lane stay counted as in flight
  lane_reads,       // a ticket's slots are released though the lane still reads them
  any_incarnation,  // a lane is dialled again to whichever incarnation answers
  any_epoch,        // a run of an earlier reservation is placed in this one
  lost_progress,    // a ticket's newer state does not replace the one that waits to be drained
  lost_wake,        // once an answer was drained, later news wake nobody
  late_lease,       // a lease that ends before the one waited for is noticed only with that one
  unchecked,        // digests are not compared on landing
};

#ifdef BATON_PLANTED
bool planted(Planted);
bool plant(const char* name);  // from now on; false: there is no such bug
#else
constexpr bool planted(Planted) { return false; }
#endif

}  // namespace baton
