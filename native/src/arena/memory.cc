#include "arena/memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/limits.h"

namespace baton::arena {
namespace {

std::string reason() { return std::strerror(errno); }

// Where everything stands in a file for these options.
struct Plan {
  uint64_t index_offset, index_entries, memory_offset, file_bytes;
};

Plan plan(const ArenaOptions& options, uint64_t unit) {
  Plan p{};
  p.index_offset = kGranule + round_up(uint64_t{options.slots_max} * sizeof(Record), kGranule);
  p.index_entries = index_entries(options.slots_max);
  p.memory_offset = round_up(p.index_offset + p.index_entries * sizeof(uint32_t), kMemoryAlignment);
  p.file_bytes = round_up(p.memory_offset + options.bytes, unit);
  return p;
}

// The size of a file on hugetlbfs is a multiple of its page.
uint64_t size_unit(int fd) {
  struct statfs status;
  if (fstatfs(fd, &status) == 0 && status.f_type == HUGETLBFS_MAGIC) return static_cast<uint64_t>(status.f_bsize);
  return kGranule;
}

std::string wrong_with(const ArenaOptions& options) {
  if (options.path.empty()) return "the arena has no path";
  if (options.bytes == 0 || options.bytes % kMemoryAlignment != 0) {
    return "the arena's size must be a multiple of 65536 bytes";
  }
  if (options.slots_max == 0 || options.slots_max > limits::kSlotsMax) {
    return "the arena's slots must be 1 to " + std::to_string(limits::kSlotsMax);
  }
  return "";
}

}  // namespace

std::unique_ptr<Memory> Memory::open(const ArenaOptions& options, std::string& error) {
  error = wrong_with(options);
  if (!error.empty()) return nullptr;
  auto memory = std::unique_ptr<Memory>(new Memory);
  if (!memory->lock(options.path, error)) return nullptr;
  struct stat status;
  if (fstat(memory->lock_fd_, &status) != 0) {
    error = "reading the size of " + options.path + " failed: " + reason();
    return nullptr;
  }
  // A file without a magic is one whose making was interrupted.
  uint64_t magic = 0;
  const auto bytes = static_cast<uint64_t>(status.st_size);
  if (bytes >= sizeof(Superblock)) {
    void* head = mmap(nullptr, sizeof(Superblock), PROT_READ, MAP_SHARED, memory->lock_fd_, 0);
    if (head == MAP_FAILED) {
      error = "mapping " + options.path + " failed: " + reason();
      return nullptr;
    }
    magic = static_cast<const Superblock*>(head)->magic.load(std::memory_order_acquire);
    munmap(head, sizeof(Superblock));
  }
  const bool fresh = magic == 0 && (bytes == 0 || bytes >= sizeof(Superblock));
  if (!(fresh ? memory->create(options, error) : memory->take_over(options, bytes, error))) return nullptr;
  memory->share_fd_ = ::open(options.path.c_str(), O_RDWR | O_CLOEXEC);
  if (memory->share_fd_ < 0) {
    error = "opening " + options.path + " failed: " + reason();
    return nullptr;
  }
  Superblock& super = memory->super();
  super.service_pid.store(getpid(), std::memory_order_release);
  super.incarnation.fetch_add(1, std::memory_order_release);
  return memory;
}

Memory::~Memory() {
  if (base_) munmap(base_, bytes_);
  if (share_fd_ >= 0) close(share_fd_);
  if (lock_fd_ >= 0) close(lock_fd_);
}

bool Memory::lock(const std::string& path, std::string& error) {
  for (;;) {
    lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd_ < 0) {
      error = "opening the arena " + path + " failed: " + reason() + "; its folder must exist and be writable";
      return false;
    }
    if (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
      error = "the arena " + path +
              (errno == EWOULDBLOCK ? " is in use by another live transfer service: stop it or configure another path"
                                    : " cannot be locked: " + reason());
      return false;
    }
    // Whoever held the lock before may have removed the file meanwhile.
    struct stat mine, named;
    if (fstat(lock_fd_, &mine) == 0 && stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
        mine.st_dev == named.st_dev) {
      return true;
    }
    close(lock_fd_);
  }
}

bool Memory::create(const ArenaOptions& options, std::string& error) {
  created_ = true;
  const Plan p = plan(options, size_unit(lock_fd_));
  const bool sized = ftruncate(lock_fd_, 0) == 0 && ftruncate(lock_fd_, static_cast<off_t>(p.file_bytes)) == 0;
  if (!sized) error = "making the arena " + options.path + " failed: " + reason();
  if (!sized || !map(p.file_bytes, options.prefault, error)) {
    unlink(options.path.c_str());  // nobody else can have it: it has no magic yet
    return false;
  }
  Superblock& s = super();
  s.version = kLayoutVersion;
  s.slots_max = options.slots_max;
  s.record_bytes = sizeof(Record);
  s.file_bytes = p.file_bytes;
  s.records_offset = kGranule;
  s.index_offset = p.index_offset;
  s.index_entries = p.index_entries;
  s.memory_offset = p.memory_offset;
  s.memory_bytes = options.bytes;
  s.magic.store(kMagic, std::memory_order_release);
  return true;
}

bool Memory::take_over(const ArenaOptions& options, uint64_t bytes, std::string& error) {
  const std::string remedy =
      ": configure what it was made with, or stop all engines that are attached to it and delete the file";
  const Plan p = plan(options, size_unit(lock_fd_));
  if (bytes < sizeof(Superblock) || !map(bytes, false, error)) {
    if (error.empty()) error = options.path + " is not an arena file: configure another path";
    return false;
  }
  const Superblock& s = super();
  if (s.magic.load(std::memory_order_acquire) != kMagic) {
    error = options.path + " is not an arena file: configure another path";
  } else if (s.version != kLayoutVersion || s.record_bytes != sizeof(Record)) {
    error = options.path + " has layout version " + std::to_string(s.version) + ", this service writes " +
            std::to_string(kLayoutVersion) + ": stop all engines that are attached to it and delete the file";
  } else if (s.memory_bytes != options.bytes || s.slots_max != options.slots_max) {
    error = options.path + " has " + std::to_string(s.memory_bytes) + " bytes and " + std::to_string(s.slots_max) +
            " slots, configured are " + std::to_string(options.bytes) + " and " + std::to_string(options.slots_max) +
            remedy;
  } else if (bytes != p.file_bytes || s.file_bytes != p.file_bytes || s.records_offset != kGranule ||
             s.index_offset != p.index_offset || s.index_entries != p.index_entries ||
             s.memory_offset != p.memory_offset) {
    error = options.path + " is damaged: stop all engines that are attached to it and delete the file";
  }
  if (!error.empty()) return false;
  munmap(base_, bytes_);
  base_ = nullptr;
  return map(bytes, options.prefault, error);
}

// With prefault the file gets all its memory here, so that a full tmpfs is an error now and not a SIGBUS later.
bool Memory::map(uint64_t bytes, bool prefault, std::string& error) {
  if (prefault && fallocate(lock_fd_, 0, 0, static_cast<off_t>(bytes)) != 0) {
    error = "no room for an arena of " + std::to_string(bytes) + " bytes: " + reason() +
            "; make it smaller or its file system larger";
    return false;
  }
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, lock_fd_, 0);
  if (base == MAP_FAILED) {
    error = "mapping the arena failed: " + reason();
    return false;
  }
  base_ = static_cast<uint8_t*>(base);
  bytes_ = bytes;
#ifdef MADV_POPULATE_WRITE
  if (prefault) madvise(base_, bytes_, MADV_POPULATE_WRITE);  // page tables too; older kernels fill them as they go
#endif
  return true;
}

IndexTable Memory::index() const {
  Superblock& s = super();
  return {&s.index_version, reinterpret_cast<std::atomic<uint32_t>*>(base_ + s.index_offset), s.index_entries - 1,
          records(), s.slots_max};
}

}  // namespace baton::arena
