#include "connector/gather.h"

#include "base/limits.h"

namespace baton::reference {

Gathering::Gathering(baton_client* client, const Pages& pages,
                     std::span<const std::vector<Gather>> by_sequence)
    : client_(client), pages_(pages), by_sequence_(by_sequence), status_(by_sequence.size(), BATON_OK) {
  size_t chunks = 0;
  for (size_t s = 0; s < by_sequence.size(); ++s) {
    chunks += by_sequence[s].size();
    if (client == nullptr && !by_sequence[s].empty()) status_[s] = BATON_ERR_CLOSED;
  }
  filled_.reserve(chunks);
  empty_ = chunks == 0 || client == nullptr;
}

void Gathering::layer(uint32_t layer, uint64_t computed_ns) {
  const baton_layer_layout layout = pages_.layout(layer);
  int32_t session = BATON_OK;
  for (size_t s = 0; s < by_sequence_.size() && session == BATON_OK; ++s) {
    if (status_[s] != BATON_OK) continue;
    const int32_t code = gather(s, layer, computed_ns, layout);
    if (code == BATON_OK) continue;
    session = announce(layer, computed_ns);  // before its fills are aborted: afterwards it would be late
    end(s, code);
  }
  if (session == BATON_OK) session = announce(layer, computed_ns);
  if (session != BATON_OK) abandon(session);
}

int32_t Gathering::gather(size_t sequence, uint32_t layer, uint64_t computed_ns,
                          const baton_layer_layout& layout) {
  const PageShape& shape = pages_.shape();
  const uint64_t token_bytes = uint64_t{kPlanes} * shape.heads * shape.elements * shape.element_bytes;
  for (const Gather& gather : by_sequence_[sequence]) {
    int32_t code = baton_gather(client_, &gather.slot, layer, 0, shape.heads, &layout, gather.pages.data(),
                                static_cast<uint32_t>(gather.pages.size()), gather.page_offset);
    if (code != BATON_OK) return code;
    filled_.push_back(gather.slot);
    filled_bytes_ += token_bytes * gather.slot.tokens;
    if (filled_bytes_ >= limits::kAnnounceBytes) code = announce(layer, computed_ns);
    if (code != BATON_OK) return code;
  }
  return BATON_OK;
}

int32_t Gathering::announce(uint32_t layer, uint64_t computed_ns) {
  if (filled_.empty()) return BATON_OK;
  const int32_t code =
      baton_announce(client_, filled_.data(), static_cast<uint32_t>(filled_.size()), layer, computed_ns);
  filled_.clear();
  filled_bytes_ = 0;
  return code;
}

void Gathering::end(size_t sequence, int32_t code) {
  status_[sequence] = code;
  for (const Gather& gather : by_sequence_[sequence]) baton_fill_abort(client_, &gather.slot);
}

void Gathering::abandon(int32_t code) {
  for (size_t s = 0; s < by_sequence_.size(); ++s) {
    if (status_[s] == BATON_OK && !by_sequence_[s].empty()) end(s, code);
  }
}

}  // namespace baton::reference
