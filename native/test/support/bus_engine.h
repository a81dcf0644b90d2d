#pragma once
// A tiny engine over the C ABI: pages of its own, gathers what kv_byte() says, scatters and compares every byte.
#include <string>
#include <vector>

#include "baton.h"
#include "support/bus_node.h"

namespace baton::test {

class BusEngine {
 public:
  BusEngine(const std::string& socket, const std::string& name, const Geometry& = kTestGeometry);
  ~BusEngine();
  BusEngine(const BusEngine&) = delete;

  int status() const { return status_; }     // of attach
  const std::string& error() const { return error_; }
  baton_client* client() { return client_; }

  int accept(const Prompt&, std::vector<uint8_t>& need);
  int begin(const Prompt&, uint32_t chunk, baton_slot& out, bool with_ticket = true);
  // Computes and gathers one layer of a begun chunk and announces it.
  void fill_layer(const Prompt&, const baton_slot&, uint32_t layer);
  // Accepts, then fills chunk by chunk whatever is needed. The first code that is not OK or HELD, else OK.
  int prefill(const Prompt&);
  int keep(const Prompt&);                   // the same without a ticket
  int poll_until_landed(const Prompt&);      // BATON_OK, or the code that ended it
  // Claims all chunks, scatters them, verifying; `chunks` of them had every byte right. Releases.
  int load(const Prompt&, bool with_ticket, uint32_t& right);

 private:
  baton_layer_layout layout();
  std::vector<uint32_t> pages(uint32_t tokens) const;
  int fill(const Prompt&, bool with_ticket);

  baton_client* client_ = nullptr;
  int status_;
  std::string error_;
  std::vector<uint8_t> memory_;              // of one chunk and layer
};

}  // namespace baton::test
