#pragma once
// The arena's file: made or taken over under a lock that dies with the service, mapped, all of it backed by memory.
#include <cstdint>
#include <memory>
#include <string>

#include "arena/arena.h"
#include "arena/index.h"
#include "arena/layout.h"

namespace baton::arena {

class Memory {
 public:
  static std::unique_ptr<Memory> open(const ArenaOptions&, std::string& error);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  bool created() const { return created_; }
  int share_fd() const { return share_fd_; }
  uint8_t* base() const { return base_; }
  Superblock& super() const { return *reinterpret_cast<Superblock*>(base_); }
  Record* records() const { return reinterpret_cast<Record*>(base_ + super().records_offset); }
  IndexTable index() const;

 private:
  Memory() = default;
  bool lock(const std::string& path, std::string& error);
  bool create(const ArenaOptions&, std::string& error);
  bool take_over(const ArenaOptions&, uint64_t bytes, std::string& error);
  bool map(uint64_t bytes, bool prefault, std::string& error);

  int lock_fd_ = -1;   // holds the lock; never leaves this process
  int share_fd_ = -1;  // another opening of the file: a copy handed to an engine must not keep the lock alive
  uint8_t* base_ = nullptr;
  uint64_t bytes_ = 0;
  bool created_ = false;
};

}  // namespace baton::arena
