// Wrong: the flag is raised with release, and looked for with acquire.
//
// Nothing keeps the load behind the store that stands before it: a processor
// puts its store aside, loads, and only then shows the store to the others. In
// no order of the steps do both miss each other's flag, so the explorer finds
// nothing. Two processors do it within moments.

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/pause_cpu.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr double kLimitS = 20;
constexpr uint32_t kRounds = 20'000;
constexpr uint32_t kRoundsMost = 10 * kRounds;

struct Side {
  alignas(64) std::atomic<uint32_t> flag{0};
  alignas(64) std::atomic<uint32_t> arrived{0};
  std::array<bool, kRounds + 1> saw{};
};

struct Flags {
  std::array<Side, 2> sides;
};

bool raise_and_look(Flags& flags, size_t side, uint32_t round) {
  std::atomic<uint32_t>& mine = flags.sides.at(side).flag;
  std::atomic<uint32_t>& other = flags.sides.at(1 - side).flag;
  mine.store(round, std::memory_order_release);
  ipc::point("raised its flag");
  return other.load(std::memory_order_acquire) >= round;
}

void play_rounds(Flags& flags, size_t side) {
  Side& mine = flags.sides.at(side);
  const std::atomic<uint32_t>& other = flags.sides.at(1 - side).arrived;
  for (uint32_t round = 1; round <= kRounds; ++round) {
    mine.arrived.store(round, std::memory_order_release);
    for (int i = 1; other.load(std::memory_order_acquire) < round; ++i) {
      i % 1000 != 0 ? ipc::pause_cpu() : void(::sched_yield());
    }
    mine.saw.at(round) = raise_and_look(flags, side, round);
  }
}

// In how many rounds neither has seen the other.
int count_misses() {
  const ipc::Shared<Flags> flags;
  ipc::Process first("Side 0", [&] { play_rounds(*flags, 0); });
  ipc::Process second("Side 1", [&] { play_rounds(*flags, 1); });
  if (first.join() != 0 || second.join() != 0) {
    throw std::runtime_error("a side has failed");
  }
  int misses = 0;
  for (uint32_t round = 1; round <= kRounds; ++round) {
    const bool seen =
        flags->sides[0].saw.at(round) || flags->sides[1].saw.at(round);
    misses += seen ? 0 : 1;
  }
  return misses;
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Flags> flags;
  for (const size_t side : {0, 1}) {
    schedule.add("Side " + std::to_string(side), [&, side] {
      flags->sides.at(side).saw.at(1) = raise_and_look(*flags, side, 1);
    });
  }
  schedule.run();
  const bool seen = flags->sides[0].saw[1] || flags->sides[1].saw[1];
  return seen ? "one has seen the other" : "neither";
}

// How many processors this process may use.
int cpu_count() {
  cpu_set_t cpus;
  ipc::check(::sched_getaffinity(0, sizeof cpus, &cpus), "sched_getaffinity");
  return CPU_COUNT(&cpus);
}

std::string lesson() {
#ifndef __x86_64__
  // On arm64, for one: stlr and ldar stay in order, which C++ does not promise.
  throw ipc::Skip("this processor may order more than release and acquire do");
#endif
  if (cpu_count() < 2) throw ipc::Skip("with one processor no store is late");
  const auto limit = ipc::Deadline::after(kLimitS * ipc::time_scale());
  uint32_t rounds = 0;
  int misses = 0;
  do {
    rounds += kRounds;
    misses += count_misses();
  } while (misses == 0 && rounds < kRoundsMost && !limit.expired());
  ipc::say("{} rounds: in {} of them neither side saw the other", rounds,
           misses);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("release_then_look", "What processes can share without a lock.");
  lab.explores("flags", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
