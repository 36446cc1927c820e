#include "common/explore/memory_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/base/errors.h"

namespace ipc {
namespace {

#if defined(__x86_64__)

constexpr size_t kPageBytes = 4096;

MemoryAccesses* noted = nullptr;
std::span<const SharedRegion> watched;

// The pages that the present instruction may access now. It may have two
// operands, and each may lie on two pages.
std::array<void*, 4> open_pages{};
size_t open_count = 0;

// Returns false if the step has unmapped them.
bool protect(void* pages, size_t size_bytes, int protection) {
  const bool done = ::mprotect(pages, size_bytes, protection) == 0;
  IPC_CHECK(done || errno == ENOMEM);
  return done;
}

bool is_watched(const void* address) {
  const auto place = reinterpret_cast<uintptr_t>(address);
  return std::any_of(watched.begin(), watched.end(), [&](SharedRegion region) {
    const auto begin = reinterpret_cast<uintptr_t>(region.data);
    return place >= begin && place < begin + region.size_bytes;
  });
}

// The process is about to die in its step. The kernel then writes into the
// robust mutexes that it holds, and it cannot write to what is protected: the
// next process would wait for a dead owner. See set_robust_list(2).
void stop_watching() {
  if (noted == nullptr) return;
  noted->add_all();
  noted = nullptr;
  for (const SharedRegion& region : watched) {
    protect(region.data, region.size_bytes, PROT_READ | PROT_WRITE);
  }
}

// A real crash: the instruction faults again, and without a handler.
void crash() {
  ::signal(SIGSEGV, SIG_DFL);
  stop_watching();
}

// abort(3) calls it, and kills the process when it returns.
void on_abort(int /*signal*/, siginfo_t* /*info*/, void* /*context*/) {
  stop_watching();
}

constexpr long long kTrapFlag = 0x100;  // A bit of the flags register.
constexpr long long kIsWrite = 2;       // A bit of a page fault's error code.

void on_access(int /*signal*/, siginfo_t* info, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (noted == nullptr || !is_watched(info->si_addr) ||
      open_count == open_pages.size()) {
    crash();
    return;
  }
  auto* const place = static_cast<char*>(info->si_addr);
  auto* const page = place - reinterpret_cast<uintptr_t>(place) % kPageBytes;
  if (!protect(page, kPageBytes, PROT_READ | PROT_WRITE)) {
    crash();
    return;
  }
  const uint8_t* instruction = nullptr;
  ::memcpy(&instruction, &registers[REG_RIP], sizeof instruction);
  noted->add(info->si_addr, operand_bytes_max(instruction),
             (registers[REG_ERR] & kIsWrite) != 0);
  open_pages[open_count++] = page;
  registers[REG_EFL] |= kTrapFlag;
}

void on_step(int /*signal*/, siginfo_t* /*info*/, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_EFL] &= ~kTrapFlag;
  while (open_count > 0) {
    protect(open_pages[--open_count], kPageBytes, PROT_NONE);
  }
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  check(::sigaction(signal, &action, nullptr), "sigaction");
}

#endif

}  // namespace

void MemoryAccesses::add(const void* address, size_t size_bytes, bool writes) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  for (size_t i = 0; i < count_; ++i) {
    const MemoryAccess& known = accesses_[i];
    if (known.begin == begin && known.end == begin + size_bytes &&
        known.writes >= writes) {
      return;
    }
  }
  if (count_ == kMax) {
    all_ = true;
    return;
  }
  accesses_[count_++] = {begin, begin + size_bytes, writes};
}

std::vector<SharedRegion> shared_regions(const void* except) {
  std::vector<SharedRegion> regions;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char flags[5] = {};
    if (sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, flags) != 3) continue;
    auto* const data = std::bit_cast<void*>(begin);
    if (std::string_view(flags) != "rw-s" || data == except) continue;
    regions.push_back({data, end - begin});
  }
  return regions;
}

#if defined(__x86_64__)

void watch_memory(std::span<const SharedRegion> regions,
                  MemoryAccesses* accesses) {
  if (accesses != nullptr) {
    handle(SIGSEGV, on_access);
    handle(SIGTRAP, on_step);
    handle(SIGABRT, on_abort);
  }
  watched = regions;
  noted = accesses;
  const int protection = accesses ? PROT_NONE : PROT_READ | PROT_WRITE;
  for (const SharedRegion& region : regions) {
    protect(region.data, region.size_bytes, protection);
  }
}

#else

void watch_memory(std::span<const SharedRegion> /*regions*/,
                  MemoryAccesses* accesses) {
  IPC_CHECK(accesses == nullptr);
}

#endif

// See Intel's manual, volume 2, chapter 2: prefixes come before the opcode.
size_t operand_bytes_max(const uint8_t* instruction) {
  constexpr size_t kWord = 8;
  constexpr size_t kVector = 16;
  constexpr size_t kWideVector = 64;
  while (true) {
    const uint8_t byte = *instruction;
    switch (byte) {
      case 0x26:  // Segment prefixes.
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0x66:  // Size prefixes.
      case 0x67:
      case 0xf0:  // lock
      case 0xf2:  // repne
      case 0xf3:  // rep
        ++instruction;
        continue;
      case 0x62:  // EVEX
      case 0xc4:  // VEX
      case 0xc5:
        return kWideVector;
      case 0x0f:
        break;
      default:
        if (byte >= 0x40 && byte <= 0x4f) {  // REX
          ++instruction;
          continue;
        }
        return kWord;
    }
    switch (instruction[1]) {
      case 0xaf:  // imul
      case 0xb0:  // cmpxchg
      case 0xb1:
      case 0xb6:  // movzx, movsx
      case 0xb7:
      case 0xbe:
      case 0xbf:
      case 0xc0:  // xadd
      case 0xc1:
        return kWord;
      default:
        return kVector;
    }
  }
}

}  // namespace ipc
