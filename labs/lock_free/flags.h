// Two processes that, round after round, raise a flag and then look for the
// other's: the one order of steps that release and acquire do not guarantee.
//
//   side 0: raise flag 0, look at flag 1      side 1: raise flag 1, look at 0
//
// In each order of these four steps, the side that looks last sees the other's
// flag. A processor may also load while its own store is not yet visible to the
// other side. Sequential consistency forbids that.
#pragma once

#include <sched.h>
#include <stdint.h>

#include <array>
#include <atomic>

#include "common/base/hooks.h"
#include "common/base/pause_cpu.h"

struct Flags {
  static constexpr uint32_t kRoundsMost = 1'000'000;

  struct Side {
    // The round in which it was last raised, so that it need not be lowered.
    alignas(64) std::atomic<uint32_t> flag{0};
    alignas(64) std::atomic<uint32_t> arrived{0};
    std::array<bool, kRoundsMost + 1> saw{};
  };
  std::array<Side, 2> sides;
};

// Whether this side has seen the other's flag.
inline bool raise_and_look(Flags& flags, size_t side, uint32_t round) {
  std::atomic<uint32_t>& mine = flags.sides.at(side).flag;
  std::atomic<uint32_t>& other = flags.sides.at(1 - side).flag;
  mine.store(round, std::memory_order_seq_cst);  // [raise]
  ipc::point("raised its flag");
  return other.load(std::memory_order_seq_cst) >= round;
}

// Both sides begin each round at the same time, as nearly as can be.
inline void play_rounds(Flags& flags, size_t side, uint32_t rounds) {
  constexpr int kPausesMost = 1000;
  Flags::Side& mine = flags.sides.at(side);
  const std::atomic<uint32_t>& other = flags.sides.at(1 - side).arrived;
  for (uint32_t round = 1; round <= rounds; ++round) {
    mine.arrived.store(round, std::memory_order_release);
    for (int i = 0; other.load(std::memory_order_acquire) < round; ++i) {
      i < kPausesMost ? ipc::pause_cpu() : void(::sched_yield());
    }
    mine.saw.at(round) = raise_and_look(flags, side, round);
  }
}

// In how many rounds neither has seen the other.
inline int count_misses(const Flags& flags, uint32_t rounds) {
  int misses = 0;
  for (uint32_t round = 1; round <= rounds; ++round) {
    if (!flags.sides[0].saw.at(round) && !flags.sides[1].saw.at(round)) {
      ++misses;
    }
  }
  return misses;
}
