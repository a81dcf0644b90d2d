#pragma once
// JavaScript values to the bus's requests. Types are checked by name, so that a misspelt field fails loudly; nothing has a default.
#include <napi.h>

#include "bus/bus.h"

namespace baton::node {

BusOptions read_options(const Napi::Object&);
OpenTicket read_open(const Napi::Object&);
ExpectTicket read_expect(const Napi::Object&);
TicketId read_ticket(const Napi::Value&);
uint32_t read_u32(const Napi::Value&, const char* name);

}  // namespace baton::node
