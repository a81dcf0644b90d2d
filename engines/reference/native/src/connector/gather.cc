#include "connector/gather.h"

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
  filled_.clear();
  for (size_t s = 0; s < by_sequence_.size(); ++s) {
    if (status_[s] != BATON_OK) continue;
    const size_t before = filled_.size();
    const int32_t code = gather(s, layer, layout);
    if (code == BATON_OK) continue;
    filled_.resize(before);
    end(s, code);
  }
  if (filled_.empty()) return;
  const int code =
      baton_announce(client_, filled_.data(), static_cast<uint32_t>(filled_.size()), layer, computed_ns);
  if (code != BATON_OK) abandon(code);
}

int32_t Gathering::gather(size_t sequence, uint32_t layer, const baton_layer_layout& layout) {
  for (const Gather& gather : by_sequence_[sequence]) {
    const int code =
        baton_gather(client_, &gather.slot, layer, 0, pages_.shape().heads, &layout, gather.pages.data(),
                     static_cast<uint32_t>(gather.pages.size()), gather.page_offset);
    if (code != BATON_OK) return code;
    filled_.push_back(gather.slot);
  }
  return BATON_OK;
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
