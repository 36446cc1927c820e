// Free slots of an array in shared memory, as a stack that needs no lock.
//
//   top -> slot 0 -> slot 1 -> slot 2 -> slot 3 -> none
//
// Slots are numbers, because an address means something to one process only.
// The top is one word of 64 bits: the number of a slot, and a tag that counts
// how often a slot was taken. Each change is one compare-and-swap of both. If a
// slot is on top again, it was taken in between, and what is below it may be
// another one (the ABA problem). The tag has changed then, and the swap fails.
//
// Death: a process that is killed leaves a whole stack. A slot that it had is
//        lost, since nothing says whose it was.
// See:   Treiber 1986, "Systems Programming: Coping with Parallelism"; IBM
//        System/370 Principles of Operation (1983), appendix A, for the tag.
#pragma once

#include <stdint.h>

#include <array>
#include <atomic>
#include <optional>

#include "common/base/hooks.h"
#include "common/report/report.h"

class FreeSlots {
 public:
  static constexpr uint32_t kCount = 4;

  FreeSlots() {
    for (uint32_t slot = 0; slot < kCount; ++slot) next_.at(slot) = slot + 1;
  }

  // Takes the slot on top, which is the caller's from then on. Nothing if none
  // is free; it never waits for another process.
  std::optional<uint32_t> take() {
    // Acquire: what was written to the slot and to next_ before it was given
    // back is visible. Pairs with the release in give_back().
    Top seen = top_.load(std::memory_order_acquire);
    while (seen.slot != kCount) {
      const uint32_t taken = seen.slot;
      // Relaxed: if the slot was taken meanwhile this is of no more use, and
      // the swap below fails.
      const uint32_t below = next_.at(taken).load(std::memory_order_relaxed);
      ipc::say("Slot {} is on top, slot {} below it", taken, below);
      ipc::point("has seen the top");
      if (top_.compare_exchange_strong(seen, {below, seen.tag + 1},  // [tag]
                                       std::memory_order_acquire)) {
        ipc::say("Took slot {}", taken);
        return taken;
      }
      // `seen` is what the top is by now.
      ipc::say("The stack has changed: trying again");
    }
    return std::nullopt;
  }

  void give_back(uint32_t slot) {
    ipc::say("Giving back slot {}", slot);
    Top seen = top_.load(std::memory_order_relaxed);
    do {
      next_.at(slot).store(seen.slot, std::memory_order_relaxed);
      ipc::point("has seen the top");
      // Release: what this process has written to the slot, and to next_.
    } while (!top_.compare_exchange_strong(seen, {slot, seen.tag},
                                           std::memory_order_release,
                                           std::memory_order_relaxed));
  }

  // Whether the slot is on the stack, when no process changes it.
  [[nodiscard]] bool is_free(uint32_t slot) const {
    uint32_t at = top_.load(std::memory_order_acquire).slot;
    for (uint32_t i = 0; i < kCount && at != kCount; ++i) {
      if (at == slot) return true;
      at = next_.at(at).load(std::memory_order_relaxed);
    }
    return false;
  }

 private:
  // Aligned as one word: otherwise clang++ calls a library function.
  struct alignas(uint64_t) Top {
    uint32_t slot;  // kCount if there is none.
    uint32_t tag;   // How often a slot was taken.
  };
  static_assert(std::atomic<Top>::is_always_lock_free,
                "an atomic with a lock has it in one process only");

  std::atomic<Top> top_{Top{0, 0}};
  std::array<std::atomic<uint32_t>, kCount> next_;
};
