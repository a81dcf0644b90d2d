#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace baton::path::tcp {

struct Options {
  std::string node;                         // own name, proven in the hello
  uint64_t incarnation = 0;
  std::vector<std::vector<uint8_t>> keys;   // 0, 1 or 2 cluster keys; the first proves, all are accepted
  std::string host = "127.0.0.1";           // an IP address; without a key a loopback one
  uint16_t port = 0;                        // 0: any
  uint32_t silence_ms = 2000;               // no byte from a peer for this long while it is needed: lane lost
  uint32_t connect_ms = 1000;               // from connect to the end of the hello
  bool verify = true;
  int send_buffer_bytes = 0;                // of the socket; 0: the kernel tunes it
};

}  // namespace baton::path::tcp
