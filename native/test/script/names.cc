#include "script/names.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace baton::script {
namespace {

uint32_t number(const std::string& name) { return static_cast<uint32_t>(std::stoul(name.substr(1))); }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

uint8_t stripe_byte(const Key& key, uint32_t layer, uint32_t head, uint32_t value, uint64_t at) {
  return static_cast<uint8_t>(at * 131 + key[0] * 7 + layer * 31 + head * 17 + value * 3);
}

}  // namespace

Key key_of(const std::string& name) {
  Key key;
  key.fill('k');
  const uint32_t n = number(name);
  std::memcpy(key.data(), &n, sizeof n);
  return key;
}

std::string name_of(const Key& key) {
  uint32_t n;
  std::memcpy(&n, key.data(), sizeof n);
  return "k" + std::to_string(n);
}

TicketId ticket_of(const std::string& name) {
  TicketId ticket;
  ticket.fill('t');
  for (uint32_t i = 0; i < 4; ++i) ticket[i] = static_cast<uint8_t>(number(name) >> (24 - 8 * i));
  return ticket;
}

std::string name_of(const TicketId& ticket) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < 4; ++i) n = n << 8 | ticket[i];
  return "t" + std::to_string(n);
}

Namespace namespace_of(const std::string& name) {
  Namespace ns;
  ns.fill(static_cast<uint8_t>(number(name) + 1));
  return ns;
}

Geometry geometry_of(const std::string& name) {
  static const std::vector<Geometry> all = {
      {2, 2, 2, {16, 16}, 64}, {3, 1, 1, {32}, 64}, {0, 1, 1, {16}, 64}};
  return all.at(number(name));
}

std::vector<ScriptChunk> chunks_of(const std::string& text) {
  std::vector<ScriptChunk> chunks;
  for (std::string& part : split(text)) {
    const bool needed = part.back() == '!';
    const size_t colon = part.find(':');
    const auto tokens = static_cast<uint32_t>(std::stoul(part.substr(colon + 1)));
    chunks.push_back({{key_of(part.substr(0, colon)), tokens}, needed});
  }
  return chunks;
}

std::vector<Key> keys_of(const std::string& text) {
  std::vector<Key> keys;
  for (const std::string& part : split(text)) keys.push_back(key_of(part));
  return keys;
}

void write_stripe(uint8_t* stripe, uint64_t bytes, const Key& key, uint32_t layer, uint32_t head, uint32_t value) {
  std::memcpy(stripe, &value, sizeof value);
  for (uint64_t i = sizeof value; i < bytes; ++i) stripe[i] = stripe_byte(key, layer, head, value, i);
}

uint32_t value_of(const uint8_t* stripe) {
  uint32_t value;
  std::memcpy(&value, stripe, sizeof value);
  return value;
}

std::string read_stripe(const uint8_t* stripe, uint64_t bytes, const Key& key, uint32_t layer, uint32_t head) {
  const uint32_t value = value_of(stripe);
  for (uint64_t i = sizeof value; i < bytes; ++i) {
    if (stripe[i] != stripe_byte(key, layer, head, value, i)) return "bad";
  }
  return std::to_string(value);
}

}  // namespace baton::script
