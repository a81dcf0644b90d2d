// Random lives of slots beside a model that knows only the rules of arena.h.
#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "fixture.h"

using namespace fixture;

namespace {

constexpr uint64_t kBytes = 8 * 64 * 1024;  // eighteen full small slots
constexpr uint32_t kSlots = 40;

struct Known {
  Key key;
  uint32_t generation, tokens, pins;
  uint64_t offset, bytes;
  bool sealed = false, indexed = false, quiescing = false;
  uint8_t mark;  // its first and last byte of payload
  bool evictable() const { return sealed && indexed && pins == 0; }
};

class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed), arena_(open(options(file_, kBytes, kSlots))) {}

  void step() {
    switch (random_() % 9) {
      case 0: case 1: case 2: reserve(1 + random_() % 32); break;
      case 3: case 4: with([](Known& k) { return !k.sealed && !k.quiescing; }, [&](SlotId id, Known& k) { seal(id, k); }); break;
      case 5: with([](Known& k) { return !k.quiescing; }, [&](SlotId id, Known& k) { arena_->pin(id), ++k.pins; }); break;
      case 6: with([](Known& k) { return k.sealed && k.pins; }, [&](SlotId id, Known& k) { unpin(id, k); }); break;
      case 7: with([](Known& k) { return !k.sealed; }, [&](SlotId id, Known& k) { abandon(id, k); }); break;
      default: with([](Known& k) { return k.sealed; }, [&](SlotId id, Known& k) { random_() % 2 ? find(k) : drop(id, k); });
    }
    check();
  }

 private:
  template <class Which, class Do>
  void with(Which which, Do act) {
    std::vector<SlotId> fitting;
    for (auto& [id, k] : known_) {
      if (which(k)) fitting.push_back(id);
    }
    if (fitting.empty()) return;
    const SlotId id = fitting[random_() % fitting.size()];
    act(id, known_.at(id));
  }

  uint64_t longest_usable() const {
    std::vector<uint8_t> blocked(kBytes / 4096);
    for (const auto& [id, k] : known_) {
      if (!k.evictable()) std::fill_n(blocked.begin() + static_cast<long>((k.offset - base_) / 4096), k.bytes / 4096, 1);
    }
    uint64_t run = 0, longest = 0;
    for (const uint8_t b : blocked) longest = std::max(longest, run = b ? 0 : run + 1);
    return longest * 4096;
  }

  void reserve(uint32_t tokens) {
    const Key k = key(random_() % 60);
    const auto writer = static_cast<int32_t>(random_() % 2 ? getpid() : 0);
    const bool fits = arena_->fits(small(), std::vector<uint32_t>{tokens});
    const SlotId id = arena_->reserve(k, ns(), small(), tokens, ++fills_, writer);
    REQUIRE(fits == (id != kNoSlot));
    take_evictions();
    if (id == kNoSlot) {
      const uint64_t need = 4096 + 6 * 128 * (tokens <= 2 ? 2 : tokens <= 4 ? 4 : tokens <= 8 ? 8 : tokens <= 16 ? 16 : 32);
      REQUIRE((longest_usable() < (need + 4095) / 4096 * 4096 || known_.size() == kSlots));
      return;
    }
    REQUIRE_FALSE(known_.contains(id));
    const auto info = arena_->info(id);
    if (base_ == 0) base_ = info->offset;  // of the first slot: the start of chunk memory
    const auto mark = static_cast<uint8_t>(random_());
    uint8_t* payload = arena_->payload(id);
    payload[0] = payload[small().payload_bytes(tokens) - 1] = mark;
    known_.emplace(id, Known{k, info->generation, tokens, 1, info->offset, info->bytes, false, false, false, mark});
  }

  void take_evictions() {
    bool lost = true;
    for (const auto& event : arena_->take_events(lost)) {
      if (event.kind == ChunkEvent::stored) continue;
      const auto it = std::find_if(known_.begin(), known_.end(),
                                   [&](const auto& e) { return e.second.indexed && e.second.key == event.key; });
      if (it == known_.end()) continue;  // dropped by us
      REQUIRE(it->second.evictable());
      REQUIRE(arena_->stale(it->first, it->second.generation));
      known_.erase(it);
    }
    REQUIRE_FALSE(lost);
  }

  bool held(const Key& k) const {
    return std::any_of(known_.begin(), known_.end(), [&](const auto& e) { return e.second.indexed && e.second.key == k; });
  }

  void seal(SlotId id, Known& k) {
    arena_->filling(id);
    k.indexed = !held(k.key);
    k.sealed = true;
    REQUIRE(arena_->seal(id) == k.indexed);
  }

  void unpin(SlotId id, Known& k) {
    arena_->unpin(id);
    if (--k.pins == 0 && !k.indexed) known_.erase(id);
  }

  void abandon(SlotId id, Known& k) {
    if (k.quiescing) {
      arena_->quiesced(id);
      known_.erase(id);
      return;
    }
    const bool may_write = random_() % 2;
    arena_->abandon(id, may_write);
    k.pins = 0;
    may_write ? void(k.quiescing = true) : void(known_.erase(id));
  }

  void drop(SlotId id, Known& k) {
    arena_->drop(id);
    bool lost = true;
    arena_->take_events(lost);  // ours: no eviction
    k.indexed = false;
    if (k.pins == 0) known_.erase(id);
  }

  void find(const Known& k) {
    const SlotId id = arena_->find(k.key);
    REQUIRE((id != kNoSlot) == held(k.key));
    if (id != kNoSlot) REQUIRE((known_.at(id).indexed && known_.at(id).key == k.key));
  }

  void check() {
    REQUIRE(arena_->check_integrity() == "");
    uint64_t used = 0, pinned = 0, pins = 0, quiescing = 0, sealed = 0;
    for (const auto& [id, k] : known_) {
      const auto info = arena_->info(id);
      REQUIRE(info.has_value());
      REQUIRE((info->generation == k.generation && info->key == k.key && info->tokens == k.tokens));
      REQUIRE((info->pins == k.pins && info->sealed == k.sealed && info->indexed == k.indexed));
      const uint8_t* payload = arena_->payload(id);
      REQUIRE((payload[0] == k.mark && payload[small().payload_bytes(k.tokens) - 1] == k.mark));
      used += k.bytes, pinned += k.pins ? k.bytes : 0, pins += k.pins, quiescing += k.quiescing;
      sealed += k.sealed ? k.bytes : 0;
    }
    const ArenaStats s = arena_->stats();
    REQUIRE((s.bytes_total == kBytes && s.bytes_used == used && s.bytes_pinned == pinned && s.bytes_sealed == sealed));
    REQUIRE((s.slots_used == known_.size() && s.pins == pins && s.quiescing == quiescing));
  }

  File file_;
  std::mt19937 random_;
  std::unique_ptr<Arena> arena_;
  std::map<SlotId, Known> known_;
  uint64_t fills_ = 0, base_ = 0;
};

}  // namespace

TEST_CASE("random lives of slots keep every rule of the arena") {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    for (int i = 0; i < 800; ++i) model.step();
  }
}

TEST_CASE("what fits together can be reserved one after the other") {
  const File file;
  const auto arena = open(options(file, kBytes, kSlots));
  std::mt19937 random(5);
  int granted = 0, refused = 0;
  std::vector<SlotId> held;
  for (uint64_t round = 0; round < 3000; ++round) {
    std::vector<uint32_t> tokens(1 + random() % 12);
    for (uint32_t& n : tokens) n = random() % 2 ? 32 : 1 + random() % 32;
    const bool fits = arena->fits(small(), tokens);
    ++(fits ? granted : refused);
    std::vector<SlotId> got;
    for (const uint32_t n : tokens) {
      const SlotId id = arena->reserve(key(random()), ns(), small(), n, 1, 0);
      if (id == kNoSlot) break;
      got.push_back(id);
    }
    REQUIRE(fits == (got.size() == tokens.size()));
    for (const SlotId id : got) {
      arena->seal(id);
      held.push_back(id);
    }
    while (held.size() > 6) {  // some stay pinned here and there
      const size_t which = random() % held.size();
      arena->unpin(held[which]);
      held.erase(held.begin() + static_cast<long>(which));
    }
  }
  CHECK(granted > 500);
  CHECK(refused > 100);
  CHECK(arena->check_integrity() == "");
}
