// Explorations as JSON: how the harness asks a lab for one, and what it gets.
//
// The request is an object; what is left out is as the lab has declared it:
//   scenario (text), kills, max_preemptions, max_schedules, random, seed
//   (integers), inner, reduce (true or false), schedule (text: play this one),
//   record (true: answer with the tree of all states, as "recorded": each has
//   views, processes, options, next, kind and text, and each of its next a step
//   and the number of the state that it leads to),
//   progress (true: a line "explored <n>" on standard error now and then).
// A request {"list": true} asks which scenarios there are, and how each is
// explored unless told otherwise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/explore/explorer.h"

namespace ipc {

// A scenario of a lab, and how it is explored unless told otherwise.
struct NamedScenario {
  std::string name;
  Scenario scenario;
  ExploreOptions options;
};

// Answers a request. Errors: std::invalid_argument if it is none, names a
// scenario that does not exist, or a schedule that cannot be played.
std::string answer_exploration(const std::vector<NamedScenario>& scenarios,
                               std::string_view request);

}  // namespace ipc
