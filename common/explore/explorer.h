// Runs several real processes in every order in which their steps can come, and
// reports the outcomes.
//
//   std::string two_increments(ipc::Schedule& schedule) {
//     const ipc::Shared<Counter> counter(0);
//     schedule.show("counter", [&] { return std::to_string(*counter); });
//     for (const char* name : {"Worker 0", "Worker 1"}) {
//       schedule.add(name, [&] { increment(*counter); });
//     }
//     schedule.run();
//     return std::to_string(*counter);   // the outcome
//   }
//   ipc::explore(two_increments, {});    // "1" in 4 of 6, "2" in 2 of 6
//
// A scenario makes the objects that its processes share, adds the processes,
// runs them, and returns the outcome. explore() calls it for each schedule,
// with fresh processes. Each call repeats the choices of the one before up to
// some point and then makes a choice that has not been tried there: a
// depth-first search.
//
// A schedule is written as one letter for each choice. A is a step of the first
// process; a is its death at the place where it is.
//
// Reduction: two consecutive choices that touch no common memory lead to the
//   same state in either order. With `reduce` only one of the two orders is
//   tried (sleep sets). Scenarios need not declare what they touch; the
//   explorer observes it (memory_watch.h). So this works only if the processes
//   share memory and nothing else. All outcomes are found, but their counts are
//   no longer those of all orders.
// Requires: a scenario in which the same choices always have the same effect;
//   if not, explore() throws std::logic_error. Neither the caller nor the
//   processes of the scenario have other threads.
// Blocks: until all is explored; see ExploreOptions for limits. The first
//   schedule that seems to have no end ends the exploration.
// See: Godefroid 1996, "Partial-Order Methods for the Verification of
//   Concurrent Systems", chapter 5, for sleep sets; Musuvathi and Qadeer 2007,
//   "Iterative Context Bounding", for bounds on pre-emptions.
#pragma once

#include <stdint.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/explore/schedule.h"

namespace ipc {

using Scenario = std::function<std::string(Schedule& schedule)>;

struct ExploreOptions {
  int kills = 0;               // How many processes may be killed, anywhere.
  bool inner = false;          // Also stop at the points inside the library.
  bool memory_only = false;    // The processes share memory, and nothing else.
  bool reduce = false;         // Try one of several orders that are equivalent.
                               // Works only with memory_only, and neither with
                               // max_preemptions nor with random.
  int max_preemptions = -1;    // The most switches away from a process that
                               // could have continued; -1 for any number.
  int64_t max_schedules = -1;  // Stop after this many; -1 for never.
  int64_t random = 0;          // If not 0: play this many schedules at random,
                               // instead of all.
  unsigned seed = 0;           // Of the random schedules.
  bool record = false;         // Keep each state, in Exploration::recorded.
  // Called after each schedule with the number of schedules so far, including
  // those that were cut.
  std::function<void(int64_t schedules)> progress = {};
};

// One outcome, and how many schedules led to it.
struct FoundOutcome {
  std::string kind;  // "outcome", or "deadlock", "broken", "failed", "endless";
                     // see BadEnd.
  std::string text;
  int64_t count = 0;
  std::string witness;  // Of these schedules the one with the fewest switches,
                        // and of those the shortest.
};

// One choice of a schedule that was played for people to look at.
struct ReplayStep {
  char letter;
  std::string from;   // Where the process was.
  std::string to;     // Where it stopped, or what it waits for.
  std::string notes;  // What it said and did, a line each.
  std::vector<std::pair<std::string, std::string>> views;  // What is shared.
};

struct ReplayProcess {
  std::string name;
  std::string state;  // "at point", "waiting", "woken" or "finished".
  std::string place;
};

// A state in the tree of all schedules that were played.
struct RecordedState {
  struct Next {
    ReplayStep step;  // With the views after it.
    size_t state;     // Where it leads to, in Exploration::recorded.
  };
  std::vector<std::pair<std::string, std::string>> views = {};
  std::vector<ReplayProcess> processes = {};
  std::string options = {};     // What could be chosen; "" if it has ended.
  std::vector<Next> next = {};  // One for each choice that was tried.
  std::string kind = {};        // As in FoundOutcome; "" if it has not ended.
  std::string text = {};
};

struct Exploration {
  std::vector<std::string> processes;  // A, B, ...
  std::vector<FoundOutcome> outcomes;  // Sorted by kind and text.
  int64_t schedules = 0;               // Schedules that were played to the end.
  int64_t cut = 0;      // Schedules given up halfway: they lead nowhere new.
  int64_t choices = 0;  // Of all schedules together.
  double seconds = 0;
  bool reduced = false;
  bool complete = false;  // All was explored: no limit left anything out.
  // The tree of the states, its root first; empty without `record`.
  std::vector<RecordedState> recorded = {};

  // The outcomes as texts, with the kind in front of bad ones: "deadlock: ...".
  [[nodiscard]] std::vector<std::string> texts() const;
  // The outcome with this kind and text; null if it was not reached.
  [[nodiscard]] const FoundOutcome* find(std::string_view kind,
                                         std::string_view text) const;
};

Exploration explore(const Scenario& scenario, const ExploreOptions& options);

struct Replay {
  std::vector<std::pair<std::string, std::string>> first_views;
  std::vector<ReplayStep> steps;
  std::vector<ReplayProcess> processes;  // As they are at the end.
  std::string options;  // The letters that could come next; "" at the end.
  std::string kind;     // As in FoundOutcome; "" if it has not ended.
  std::string text;
};

// Plays a schedule, which may stop before the processes have ended. Errors:
// std::invalid_argument, with the reason, if it cannot be played.
Replay replay(const Scenario& scenario, const ExploreOptions& options,
              std::string_view schedule);

}  // namespace ipc
