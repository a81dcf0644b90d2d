// Scheduler half: tickets.
#include <algorithm>

#include "base/limits.h"
#include "capi/client.h"

using namespace baton;

int baton_ticket_accept(baton_client* client, const uint8_t* ticket, const uint8_t* keys, uint32_t n,
                        uint32_t total_tokens, uint8_t* need) {
  if (!client || !ticket || !keys || !need || n == 0 || n > limits::kChunksPerTicketMax ||
      total_tokens == 0) {
    return BATON_ERR_ARGUMENT;
  }
  return capi::guarded([&] {
    session::Accept request{};
    request.ticket = capi::copied<TicketId>(ticket);
    request.last_key = capi::copied<Key>(keys + size_t{n - 1} * BATON_KEY_BYTES);
    request.chunks = n;
    request.total_tokens = total_tokens;
    session::Accepted answer{};
    const int status = capi::answered(client->session->accept(request, answer));
    if (status != BATON_OK) return status;
    if (answer.need.size() != n) return int{BATON_ERR_PROTOCOL};
    std::copy(answer.need.begin(), answer.need.end(), need);
    return int{BATON_OK};
  });
}

int baton_ticket_poll(baton_client* client, const uint8_t* ticket) {
  if (!client || !ticket) return BATON_ERR_ARGUMENT;
  return capi::guarded([&] { return client->session->poll(capi::copied<TicketId>(ticket)); });
}

void baton_ticket_forget(baton_client* client, const uint8_t* ticket) {
  if (!client || !ticket) return;
  capi::guarded([&] {
    client->session->forget(capi::copied<TicketId>(ticket));
    return int{BATON_OK};
  });
}

int baton_scattered(baton_client* client, const uint8_t* ticket, const uint64_t* stamps_ns, uint32_t layers) {
  if (!client || !ticket || !stamps_ns || layers != client->geometry.layers) return BATON_ERR_ARGUMENT;
  return capi::guarded([&] {
    return client->session->post(
        session::Scattered{capi::copied<TicketId>(ticket), {stamps_ns, stamps_ns + layers}});
  });
}
