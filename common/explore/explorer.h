// Every order in which the steps of several real processes can come, and what
// comes of them.
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
// A scenario makes what its processes share, adds them, runs them, and returns
// the outcome. It is called anew for each schedule, with fresh processes; the
// first choice that has not been tried is then the next to be tried, depth
// first, after the same choices as before.
//
// A schedule is written as one letter for each choice: A is a step of the first
// process, and a is its death where it stands.
//
// Reduction: two choices one after the other that touch no common memory lead
//   to the same state in either order. With `reduce` only one of the two is
//   tried (sleep sets). What is touched is not declared but seen
//   (memory_watch.h), so this is for scenarios whose processes share memory and
//   nothing else. All outcomes are found; they are no longer counted by orders.
// Requires: a scenario in which the same choices always have the same effect;
//   std::logic_error otherwise. No threads.
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
  int kills = 0;               // So many processes may be killed, anywhere.
  bool inner = false;          // Also at the points inside of the library.
  bool memory_only = false;    // The processes share memory, and nothing else.
  bool reduce = false;         // One order of all that make no difference.
  int max_preemptions = -1;    // At most so many switches from a process that
                               // could have gone on; -1 for any number.
  int64_t max_schedules = -1;  // Stop after so many; -1 for never.
  int64_t random = 0;          // So many schedules at random, instead of all.
  unsigned seed = 0;           // Of these.
  bool record = false;         // Keep each state, in Exploration::recorded.
  // Is told after each schedule how many there were, cut ones included.
  std::function<void(int64_t schedules)> progress = {};
};

// What came of schedules, and of how many.
struct FoundOutcome {
  std::string kind;  // "outcome", or "deadlock", "broken", "failed", "endless";
                     // see BadEnd.
  std::string text;
  int64_t count = 0;
  std::string witness;  // The one with the fewest switches, then the shortest.
};

// One choice of a schedule that was played for people to look at.
struct ReplayStep {
  char letter;
  std::string from;   // Where the process was.
  std::string to;     // Where it came, or what it waits for.
  std::string notes;  // What it said and did, a line each.
  std::vector<std::pair<std::string, std::string>> views;  // What is shared.
};

struct ReplayProcess {
  std::string name;
  std::string state;  // "at point", "waiting", "woken" or "finished".
  std::string place;
};

// A state that schedules led to, in the tree of all that were played.
struct RecordedState {
  struct Next {
    ReplayStep step;  // With the views after it.
    size_t state;     // Where it leads to, in Exploration::recorded.
  };
  std::vector<std::pair<std::string, std::string>> views = {};
  std::vector<ReplayProcess> processes = {};
  std::string options = {};     // What could be chosen; "" if it has ended.
  std::vector<Next> next = {};  // What was chosen, in the order of being tried.
  std::string kind = {};        // As in FoundOutcome; "" if it has not ended.
  std::string text = {};
};

struct Exploration {
  std::vector<std::string> processes;  // A, B, ...
  std::vector<FoundOutcome> outcomes;  // By kind and text.
  int64_t schedules = 0;               // To their ends.
  int64_t cut = 0;      // Begun and given up: they lead nowhere new.
  int64_t choices = 0;  // Of all of them.
  double seconds = 0;
  bool reduced = false;
  bool complete = false;  // No limit and no bound has left anything out.
  // The tree of the states, its root first; empty without `record`.
  std::vector<RecordedState> recorded = {};

  // What came out, as texts with their kinds: "deadlock: ...".
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
  std::string options;  // What could come next; "" if it has ended.
  std::string kind;     // As in FoundOutcome; "" if it has not ended.
  std::string text;
};

// Plays a schedule, which may end early. Errors: std::invalid_argument if it
// cannot be played so, with the reason.
Replay replay(const Scenario& scenario, const ExploreOptions& options,
              std::string_view schedule);

}  // namespace ipc
