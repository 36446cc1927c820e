// Explorations as JSON: how the harness asks a lab for one, and what it gets.
//
// The request is an object. Instead of a field that it leaves out, the option
// that the lab has declared is used:
//   scenario (text), kills, max_preemptions, max_schedules, random, seed
//   (integers), inner, reduce (true or false), schedule (text: play this one),
//   record (true: answer with the tree of all states, as "recorded": each has
//   views, processes, options, next, kind and text, and each of its next a step
//   and the number of the state that it leads to),
//   progress (true: a line "explored <n>" on standard error now and then).
// The request {"list": true} asks which scenarios there are, with their
// options.
//
// The answer is an Exploration, or a Replay if there is a schedule, as an
// object whose fields have the names of their members (explorer.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/explore/explorer.h"

namespace ipc {

// A scenario of a lab, and the options that are used unless a request has
// others.
struct NamedScenario {
  std::string name;
  Scenario scenario;
  ExploreOptions options;
};

// Answers a request; without a `scenario`, for the first one. Errors:
// std::invalid_argument if the request is not valid, or if it names a scenario
// that does not exist or a schedule that cannot be played.
std::string answer_exploration(const std::vector<NamedScenario>& scenarios,
                               std::string_view request);

}  // namespace ipc
