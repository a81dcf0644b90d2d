#pragma once
// The bus's results to JavaScript values, field by field as in transfer/native.ts.
#include <napi.h>

#include "bus/bus.h"

namespace baton::node {

Napi::Object write_drained(Napi::Env, const Drained&);
Napi::Array write_tickets(Napi::Env, const std::vector<TicketView>&);
Napi::Object write_chunks(Napi::Env, const std::vector<Arena::Event>&);
Napi::Array write_attachments(Napi::Env, const std::vector<AttachmentEvent>&);
Napi::Object write_counters(Napi::Env, const BusCounters&);

}  // namespace baton::node
