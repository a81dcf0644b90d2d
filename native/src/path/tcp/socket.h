#pragma once
// The few socket calls of lanes. Addresses are IP addresses: looking up names would block the bus's thread.
#include <cstdint>
#include <string>

namespace baton::path::tcp {

bool is_loopback(const std::string& host);
// Non-blocking, close-on-exec; -1 and `error` (what to do) on failure.
int listen_tcp(const std::string& host, uint16_t port, uint16_t& bound, std::string& error);
// A connection that is being made; -1 when it cannot be.
int dial_tcp(const std::string& host, uint16_t port, int send_buffer_bytes);
int accept_tcp(int listener, int send_buffer_bytes);
// Of a connection attempt that has become writable.
bool connected(int fd);

}  // namespace baton::path::tcp
