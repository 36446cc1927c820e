// Finds out which bytes of shared memory a step reads and writes. A part of
// Schedule, which uses it to decide whether the order of two steps matters.
//
// The process loses access to the shared memory (mprotect(2)), so each access
// raises SIGSEGV. The handler notes the address and whether it is a write,
// makes the page accessible, and lets the processor execute one instruction;
// then SIGTRAP comes, and its handler protects the page again. So a scenario
// need not declare its accesses and cannot forget one. An access then takes
// some 5 us instead of a nanosecond.
//
// Requires: x86-64; elsewhere kMemoryWatchWorks is false. While the pages are
//           watched, a system call that gets a pointer into them fails with
//           EFAULT, so a program that makes such calls cannot be watched.
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

// The accesses of a step. A plain array, since a signal handler fills it and it
// lies in memory that the controller reads.
class MemoryAccesses {
 public:
  static constexpr size_t kMax = 500;

  void clear() {
    count_ = 0;
    all_ = false;
  }
  void add(const void* address, size_t size_bytes, bool writes);
  // From now on the step counts as one that accesses everything: it does
  // something that this watch cannot see.
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

// The memory that this process shares for reading and writing, without the
// mapping at `except`. See proc_pid_maps(5).
std::vector<SharedRegion> shared_regions(const void* except);

// From now on adds the accesses of this process to the regions to `accesses`;
// null ends this. The regions must stay mapped, and the span must stay valid,
// while they are watched.
void watch_memory(std::span<const SharedRegion> regions,
                  MemoryAccesses* accesses);

// The most bytes that the instruction can read or write at its operand: 8, or
// more for a vector instruction. For memory_watch.cc and its test.
size_t operand_bytes_max(const uint8_t* instruction);

}  // namespace ipc
