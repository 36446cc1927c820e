// What the explorations of primitives have in common.
//
//   expect_outcomes("Lock, 2", lock(2), whole(1), {"1 was inside", ...});
//
// prints how many schedules there are and whether all were explored, and
// expects exactly these outcomes. With a sanitizer it explores only a sample of
// the schedules, and expects no other outcomes than these.
#pragma once

#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/explore/explorer.h"

namespace ipc::testing {

using Texts = std::vector<std::string>;
// A deadline later than anything that the processes do: it passes only when all
// of them wait. A process that gets what it waits for only then has hung.
inline Deadline very_late() { return Deadline::after(3600); }

inline void expect_early(Deadline late) {
  IPC_CHECK(!late.expired() && "it hung");
}

inline std::string numbered(const char* role, int number) {
  return role + (" " + std::to_string(number));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

// With a sanitizer each fork takes some fifty times as long, so this explores
// only a sample.
inline void expect_some_outcomes(const char* name, const Scenario& scenario,
                                 ExploreOptions options,
                                 const Texts& expected) {
  options.random = 10;
  for (const std::string& text : ipc::explore(scenario, options).texts()) {
    EXPECT_NE(std::find(expected.begin(), expected.end(), text), expected.end())
        << name << ": " << text;
  }
}

inline void expect_outcomes(const char* name, const Scenario& scenario,
                            const ExploreOptions& options,
                            const Texts& expected) {
  if (kIsSanitized) {
    expect_some_outcomes(name, scenario, options, expected);
    return;
  }
  const Exploration found = ipc::explore(scenario, options);
  const std::string way =
      found.reduced    ? "all, reduced"
      : found.complete ? "all"
                       : "up to " + std::to_string(options.max_preemptions) +
                             " pre-emptions";
  printf("%-32s %6ld schedules, %4ld cut, %6.2f s, %s\n", name, found.schedules,
         found.cut, found.seconds, way.c_str());
  EXPECT_EQ(found.texts(), expected) << name;
  for (const auto& outcome : found.outcomes) {
    if (outcome.kind == "outcome") continue;
    printf("  %s: %s\n", outcome.text.c_str(), outcome.witness.c_str());
  }
}

// For a scenario that is small enough to explore all schedules.
inline ExploreOptions whole(int kills = 0) {
  return {.kills = kills,
          .inner = true,
          .memory_only = true,
          .reduce = ipc::kMemoryWatchWorks};
}

inline ExploreOptions bounded(int max_preemptions, int kills = 0) {
  return {.kills = kills, .inner = true, .max_preemptions = max_preemptions};
}

}  // namespace ipc::testing
