#pragma once
// Messages between an engine and its node's service over a unix stream socket (docs/wire.md §Session).
// A frame: u32 length of what follows, u16 type, u16 zero, u32 request (0 = no answer expected), body. All little
// endian. A decoder never trusts a length: anything short, long or unknown is `malformed` and ends the session.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/types.h"

namespace baton::session {

enum class Type : uint16_t {
  attach = 1, attached = 2,        // attached carries the arena's descriptor (SCM_RIGHTS)
  accept = 3, accepted = 4,
  watch = 5, ticket = 6,           // ticket: answer to watch (request set) and push (request 0)
  forget = 7,
  fill = 8, slot = 9,
  abandon = 10,                    // fill given up
  announce = 11,
  claim = 12, claimed = 13,
  release = 14,
  scattered = 15,
  corrupt = 16,                    // a scatter found a wrong digest
  failed = 17,                     // answer: status only
  quiesced = 18                    // this process writes nothing more to what lives of the service before this one gave it
};

struct Attach { uint32_t abi; int32_t pid; std::string engine; Namespace ns; Geometry geometry; };
struct Attached { int32_t status; uint32_t abi; uint64_t incarnation; uint64_t file_bytes; std::string message; };
struct Accept { TicketId ticket; Key last_key; uint32_t chunks, total_tokens; };
struct Accepted { int32_t status; std::vector<uint8_t> need; };
struct Watch { TicketId ticket; };
struct Ticket { TicketId ticket; TicketState state; Reason reason; int32_t status; uint32_t chunks_landed; };
struct Forget { TicketId ticket; };
struct Fill { TicketId ticket; bool has_ticket; Key key; uint32_t chunk, tokens; };
struct Slot { int32_t status; uint32_t slot, generation; uint64_t offset, fill; };
struct Abandon { uint32_t slot, generation; uint64_t fill; };
struct SlotRef { uint32_t slot, generation; };
struct Announce { uint32_t layer; uint64_t computed_ns; std::vector<SlotRef> slots; };
struct Claim { TicketId ticket; bool has_ticket; std::vector<Key> keys; };
struct ClaimedSlot { uint32_t slot, generation, tokens; uint64_t offset; };
struct Claimed { int32_t status; uint64_t claim; std::vector<ClaimedSlot> slots; };
struct Release { uint64_t claim; };
struct Scattered { TicketId ticket; std::vector<uint64_t> stamps_ns; };
struct Corrupt { uint32_t slot, generation, stripe; };
struct Failed { int32_t status; };
struct Quiesced { uint64_t before; };

using Message = std::variant<Attach, Attached, Accept, Accepted, Watch, Ticket, Forget, Fill, Slot, Abandon, Announce,
                             Claim, Claimed, Release, Scattered, Corrupt, Failed, Quiesced>;

struct Frame { uint32_t request = 0; Message message; };

// Appends one frame to `out`.
void encode(const Frame&, std::vector<uint8_t>& out);

// Takes the first whole frame off `bytes`: consumed = its length. Nothing when more bytes are needed.
// `malformed` set: end the session.
struct Decoded { std::optional<Frame> frame; size_t consumed = 0; bool malformed = false; };
Decoded decode(std::span<const uint8_t> bytes);

}  // namespace baton::session
