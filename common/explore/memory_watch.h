// Which bytes of shared memory a step reads and writes. A part of Schedule,
// which needs it to tell two orders that differ from two that do not.
//
// The memory that is shared is taken away from the process. Each access is then
// a SIGSEGV; its handler notes address and kind, gives the page back, and lets
// the processor do one instruction, after which it takes the page away again
// (SIGTRAP). So nothing need be declared, and nothing can be forgotten; an
// access costs some 5 us instead of a nanosecond.
//
// Requires: x86-64; elsewhere kMemoryWatchWorks is false. A system call that
//           gets a pointer into those pages fails with EFAULT while they are
//           watched, so a program that does so cannot be watched.
// See:      mprotect(2), sigaction(2); Intel 64 and IA-32 Architectures
//           Software Developer's Manual, volume 3, 18.3.1.4 (trap flag).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <array>
#include <span>
#include <vector>

namespace ipc {

#if defined(__x86_64__)
inline constexpr bool kMemoryWatchWorks = true;
#else
inline constexpr bool kMemoryWatchWorks = false;
#endif

// Bytes from `begin` up to `end`.
struct MemoryAccess {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool writes = false;
};

// The accesses of a step: a plain list, since it is filled by a signal handler
// and lies in memory that the controller reads.
class MemoryAccesses {
 public:
  static constexpr size_t kMax = 500;

  void clear() {
    count_ = 0;
    all_ = false;
  }
  void add(const void* address, size_t size_bytes, bool writes);
  // More than there is room for, or of a kind that nobody sees.
  void add_all() { all_ = true; }

  [[nodiscard]] bool all() const { return all_; }
  [[nodiscard]] const MemoryAccess* begin() const { return accesses_.data(); }
  [[nodiscard]] const MemoryAccess* end() const {
    return accesses_.data() + count_;
  }

 private:
  size_t count_ = 0;
  bool all_ = false;
  std::array<MemoryAccess, kMax> accesses_{};
};

// Memory that a process shares with others.
struct SharedRegion {
  void* data = nullptr;
  size_t size_bytes = 0;
};

// What of its memory this process shares for reading and writing, the mapping
// at `except` apart. See proc_pid_maps(5).
std::vector<SharedRegion> shared_regions(const void* except);

// From here on the accesses of this process to the regions are added to
// `accesses`; null ends it. The regions must be mapped, and stay where they
// are.
void watch_memory(std::span<const SharedRegion> regions,
                  MemoryAccesses* accesses);

// How many bytes the instruction may read or write at its operand: 8, or more
// if it is one of the vector instructions. For memory_watch.cc and its test.
size_t operand_bytes_max(const uint8_t* instruction);

}  // namespace ipc
