#include "bus/target.h"

#include <cstring>

namespace baton {

Target::Target(Ticket& ticket, Arena& arena) : ticket_(ticket), arena_(arena), landed_(ticket.chunks.size()) {}

path::Place Target::place(const path::Run& run) {
  path::Place place;
  place.reason = Reason::malformed;
  if (run.chunk >= ticket_.chunks.size()) return place;
  const TicketChunk& chunk = ticket_.chunks[run.chunk];
  const uint32_t stripes = ticket_.geometry.stripes();
  const uint64_t stripe = ticket_.stripe_bytes(run.chunk);
  if (run.stripe_first >= stripes || run.stripe_count > stripes - run.stripe_first) return place;
  if (run.length != stripe * run.stripe_count || !chunk.needed) return place;
  place.reason = Reason::none;
  if (chunk.done) return place;  // sealed: announced again because its acknowledgement was lost
  Bits& landed = landed_[run.chunk];
  if (landed.size() == 0) landed.resize(stripes);
  if (landed.all(run.stripe_first, run.stripe_count)) return place;
  // Until they are verified anew, these stripes have not landed.
  landed.clear(run.stripe_first, run.stripe_count);
  arena_.filling(chunk.slot);
  place.bytes = arena_.payload(chunk.slot) + run.stripe_first * stripe;
  place.key = chunk.chunk.key;
  place.heads = ticket_.geometry.heads;
  return place;
}

bool Target::landed(const path::Run& run, uint64_t now_ns) {
  const TicketChunk& chunk = ticket_.chunks[run.chunk];
  std::memcpy(arena_.digests(chunk.slot) + run.stripe_first, run.digests.data(), run.digests.size_bytes());
  arena_.set_filled(chunk.slot, run.stripe_first, run.stripe_count);
  ticket_.bytes_in += run.length;
  const uint32_t heads = ticket_.geometry.heads;
  for (uint32_t l = run.stripe_first / heads; l <= (run.stripe_first + run.stripe_count - 1) / heads; ++l) {
    ticket_.layers[l].landed_ns = now_ns;
  }
  Bits& landed = landed_[run.chunk];
  landed.set(run.stripe_first, run.stripe_count);
  return landed.all();
}

}  // namespace baton
