#pragma once
// Short names in scripts for what is bytes on the wire, and back; what an engine "computes". test/sim/bus/script/names.ts
// makes the same of them.
#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"

namespace baton::script {

Key key_of(const std::string& name);             // k7
TicketId ticket_of(const std::string& name);     // t7
Namespace namespace_of(const std::string& name); // n0
Geometry geometry_of(const std::string& name);   // g0
std::string name_of(const Key&);
std::string name_of(const TicketId&);

struct ScriptChunk { Chunk chunk; bool needed; };
std::vector<ScriptChunk> chunks_of(const std::string& text);  // k7:64!,k8:20
std::vector<Key> keys_of(const std::string& text);            // k7,k8

// A stripe's bytes hold the value that stands for them, and their own place.
void write_stripe(uint8_t* stripe, uint64_t bytes, const Key&, uint32_t layer, uint32_t head, uint32_t value);
std::string read_stripe(const uint8_t* stripe, uint64_t bytes, const Key&, uint32_t layer, uint32_t head);
uint32_t value_of(const uint8_t* stripe);        // without looking at the rest

}  // namespace baton::script
