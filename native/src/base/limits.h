#pragma once
// Every bound of the native core, with its unit.
#include <cstddef>
#include <cstdint>

#include "baton.h"

namespace baton::limits {
inline constexpr uint32_t kLayersMax = 1024;
inline constexpr uint32_t kHeadsMax = 1024;
inline constexpr uint32_t kStripesMax = 65536;          // layers × heads
inline constexpr uint32_t kChunkTokensMax = 4096;
inline constexpr uint32_t kPlaneBytesMax = 65536;       // one plane of one token, layer and head
inline constexpr uint32_t kChunksPerTicketMax = 16384;
inline constexpr uint32_t kPageTokensMax = 65536;       // of an engine's page
inline constexpr uint32_t kSlotsMax = 1u << 20;         // of one arena
inline constexpr uint32_t kEvictionCandidatesMax = 64;  // oldest chunks tried one by one before a whole window is sought
inline constexpr uint32_t kIndexReadsMax = 16;          // of one lookup while entries move; then it answers "not held"
inline constexpr uint32_t kTicketsMax = 16384;          // live tickets of one service
inline constexpr uint32_t kEndedTicketsKept = 4096;     // remembered so that late messages are told "ended"
inline constexpr uint32_t kSessionsMax = 64;            // attached engines of one service
inline constexpr uint32_t kLanesMax = 256;              // connections between services
inline constexpr size_t kSessionFrameBytesMax = 1u << 20;
inline constexpr size_t kLaneFrameHeadBytesMax = 1u << 16;  // header and digests of one frame, without payload
inline constexpr size_t kRunBytesMax = 1u << 20;        // payload of one frame, unless a single stripe is larger
inline constexpr uint32_t kResendsPerRunMax = 3;
inline constexpr uint32_t kReconnectsPerLaneMax = 5;    // before its tickets fail with lane_lost
inline constexpr uint32_t kEventsMax = 65536;           // cache events waiting for JavaScript, then "re-list"
inline constexpr size_t kSessionSendBytesMax = 4u << 20;  // pushed to an engine that does not read, then it is cut
inline constexpr uint32_t kSessionsPendingMax = 64;     // connected engines that have not attached yet
inline constexpr uint32_t kSessionAttachMs = 5000;      // from connect to attach, then the connection is closed
inline constexpr uint32_t kSessionTextBytesMax = 1024;  // the sentence in an answer to attach
inline constexpr uint32_t kSessionUnansweredMax = 64;   // timed-out requests the service still owes, then it counts as gone
inline constexpr uint32_t kSessionWatchedMax = 4096;    // tickets one client remembers, then the oldest is forgotten
inline constexpr uint64_t kStripeBytesMax = uint64_t{kPlaneBytesMax} * BATON_PLANES_MAX * kChunkTokensMax;
inline constexpr uint32_t kLaneHellosMax = 64;          // connections of one service whose hello is not finished
inline constexpr size_t kHelloBytesMax = 1024;         // one message of the hello
inline constexpr size_t kNodeNameMax = 253;             // bytes of a node's name
inline constexpr uint32_t kLaneRunsInFlightMax = 1024;  // runs of one lane sent and not acknowledged
// Payload of one lane announced and not acknowledged; then announce() says wait. Above bandwidth × round trip of any
// lane inside a data centre (100 Gb/s × 0.6 ms), and small enough for the kernel to reuse buffers that are in the cache.
inline constexpr uint64_t kLaneBytesInFlightMax = 8u << 20;
inline constexpr size_t kLaneControlBytesMax = 1u << 20;    // acks and pongs that the peer does not read, then reset
inline constexpr uint32_t kQuiescingCheckMs = 250;     // between looks at whether writers of quiescing slots live; none quiescing: no looks
inline constexpr uint32_t kClaimsPerSessionMax = 4096;  // of one engine, not released
}  // namespace baton::limits
