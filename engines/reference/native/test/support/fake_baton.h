#pragma once
// Stands in for libbaton: remembers what was called, keeps what is gathered, fails where told to.
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "baton.h"

namespace baton::reference::test {

struct Call {
  std::string what;  // "gather", "announce", "abort", "scatter", "scattered", "detach"
  uint32_t layer = 0;
  std::vector<uint32_t> slots = {};  // ids
  uint64_t computed_ns = 0;
  std::vector<uint64_t> stamps = {};
};

class FakeBaton {
 public:
  static FakeBaton& instance();
  void reset();  // between tests

  // The answer to gather, announce (its first slot) and scatter; null: BATON_OK. Runs on the caller's thread.
  std::function<int(const std::string& what, uint32_t slot, uint32_t layer)> answer;

  int call(Call);
  std::vector<Call> calls(const std::string& what = "") const;
  // Waits until `n` calls of this kind were made.
  void wait_for(const std::string& what, size_t n);
  // Stripe bytes [head][plane][token] by (slot, layer).
  std::map<std::pair<uint32_t, uint32_t>, std::vector<uint8_t>> stripes;

 private:
  mutable std::mutex mutex_;
  std::condition_variable called_;
  std::vector<Call> calls_;
};

baton_client* fake_client();
baton_slot fake_slot(uint32_t id, uint32_t tokens);

}  // namespace baton::reference::test
