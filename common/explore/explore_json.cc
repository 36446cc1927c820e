#include "common/explore/explore_json.h"

#include <fmt/format.h>
#include <inttypes.h>
#include <stdio.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "common/base/clock.h"
#include "common/base/json.h"

namespace ipc {
namespace {

using Fields = std::map<std::string, Json>;
using Views = std::vector<std::pair<std::string, std::string>>;

template <typename Items, typename ToJson>
Json list_of(const Items& items, ToJson to_json) {
  std::vector<Json> list;
  list.reserve(items.size());
  for (const auto& item : items) list.push_back(to_json(item));
  return Json::list(list);
}

Json texts(const std::vector<std::string>& items) {
  return list_of(items, [](const std::string& item) { return Json(item); });
}

Json lines(std::string_view text) {
  std::vector<std::string> found;
  for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos;) {
    found.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) found.emplace_back(text);
  return texts(found);
}

Json to_json(const Views& views) {
  return list_of(views, [](const auto& view) {
    return Json::list({view.first, view.second});
  });
}

Json to_json(const ReplayStep& step) {
  return Json::object({{"letter", std::string(1, step.letter)},
                       {"from", step.from},
                       {"to", step.to},
                       {"notes", lines(step.notes)},
                       {"views", to_json(step.views)}});
}

Json to_json(const std::vector<ReplayProcess>& processes) {
  return list_of(processes, [](const ReplayProcess& process) {
    return Json::object({{"name", process.name},
                         {"state", process.state},
                         {"place", process.place}});
  });
}

Json to_json(const RecordedState& state) {
  return Json::object(
      {{"views", to_json(state.views)},
       {"processes", to_json(state.processes)},
       {"options", state.options},
       {"next", list_of(state.next,
                        [](const RecordedState::Next& next) {
                          return Json::object(
                              {{"step", to_json(next.step)},
                               {"state", static_cast<int64_t>(next.state)}});
                        })},
       {"kind", state.kind},
       {"text", state.text}});
}

Json to_json(const Exploration& found) {
  return Json::object(
      {{"processes", texts(found.processes)},
       {"outcomes", list_of(found.outcomes,
                            [](const FoundOutcome& outcome) {
                              return Json::object(
                                  {{"kind", outcome.kind},
                                   {"text", outcome.text},
                                   {"count", outcome.count},
                                   {"witness", outcome.witness}});
                            })},
       {"schedules", found.schedules},
       {"cut", found.cut},
       {"choices", found.choices},
       {"seconds", found.seconds},
       {"reduced", found.reduced},
       {"complete", found.complete},
       {"recorded", list_of(found.recorded, [](const RecordedState& state) {
          return to_json(state);
        })}});
}

Json to_json(const Replay& found) {
  return Json::object(
      {{"first_views", to_json(found.first_views)},
       {"steps", list_of(found.steps,
                         [](const ReplayStep& step) { return to_json(step); })},
       {"processes", to_json(found.processes)},
       {"options", found.options},
       {"kind", found.kind},
       {"text", found.text}});
}

// Takes a field out of the request, if it is there.
template <typename Take>
void take(Fields& fields, const char* name, Take take_it) {
  const auto place = fields.find(name);
  if (place == fields.end()) return;
  take_it(place->second);
  fields.erase(place);
}

void take_number(Fields& fields, const char* name, auto& number) {
  take(fields, name, [&](const Json& value) {
    number =
        static_cast<std::remove_reference_t<decltype(number)>>(value.as_int());
  });
}

void take_flag(Fields& fields, const char* name, bool& flag) {
  take(fields, name, [&](const Json& value) { flag = value.as_bool(); });
}

std::string take_text(Fields& fields, const char* name) {
  std::string text;
  take(fields, name, [&](const Json& value) { text = value.as_text(); });
  return text;
}

// Reports at once, and then a few times a second, how far an exploration is.
class Progress {
 public:
  void operator()(int64_t schedules) {
    if (!next_.expired()) return;
    next_ = Deadline::after(0.1);
    fprintf(stderr, "explored %" PRId64 "\n", schedules);
  }

 private:
  Deadline next_ = Deadline::after(0);
};

Json scenario_names(const std::vector<NamedScenario>& scenarios) {
  return list_of(scenarios, [](const NamedScenario& named) {
    return Json::object({{"name", named.name},
                         {"kills", named.options.kills},
                         {"inner", named.options.inner},
                         {"memory_only", named.options.memory_only},
                         {"reduce", named.options.reduce},
                         {"max_preemptions", named.options.max_preemptions},
                         {"max_schedules", named.options.max_schedules},
                         {"random", named.options.random},
                         {"seed", int64_t{named.options.seed}}});
  });
}

const NamedScenario& find(const std::vector<NamedScenario>& scenarios,
                          const std::string& name) {
  if (scenarios.empty()) {
    throw std::invalid_argument("there is nothing to explore");
  }
  if (name.empty()) return scenarios.front();
  const auto place =
      std::find_if(scenarios.begin(), scenarios.end(),
                   [&](const auto& named) { return named.name == name; });
  if (place != scenarios.end()) return *place;
  std::string known;
  for (const NamedScenario& named : scenarios) {
    known += (known.empty() ? " " : ", ") + named.name;
  }
  throw std::invalid_argument(
      fmt::format("there is no scenario {}; there are:{}", name, known));
}

Json answer(const std::vector<NamedScenario>& scenarios, Fields fields) {
  bool list = false;
  take_flag(fields, "list", list);
  if (list) return scenario_names(scenarios);
  const std::string name = take_text(fields, "scenario");
  const NamedScenario& named = find(scenarios, name);
  ExploreOptions options = named.options;
  take_number(fields, "kills", options.kills);
  take_number(fields, "max_preemptions", options.max_preemptions);
  take_number(fields, "max_schedules", options.max_schedules);
  take_number(fields, "random", options.random);
  take_number(fields, "seed", options.seed);
  take_flag(fields, "inner", options.inner);
  take_flag(fields, "reduce", options.reduce);
  take_flag(fields, "record", options.record);
  bool progress = false;
  take_flag(fields, "progress", progress);
  if (progress) options.progress = Progress();
  const bool plays = fields.count("schedule") > 0;
  const std::string schedule = take_text(fields, "schedule");
  if (!fields.empty()) {
    throw std::invalid_argument("unknown field: " + fields.begin()->first);
  }
  return plays ? to_json(replay(named.scenario, options, schedule))
               : to_json(explore(named.scenario, options));
}

}  // namespace

std::string answer_exploration(const std::vector<NamedScenario>& scenarios,
                               std::string_view request) {
  try {
    return answer(scenarios, Json::parse(request).fields()).text();
  } catch (const JsonError& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace ipc
