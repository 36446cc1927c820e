#include "common/explore/explorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <stdexcept>
#include <tuple>

#include "common/base/clock.h"
#include "common/process/one_cpu.h"

namespace ipc {
namespace {

using Choice = Schedule::Choice;

char letter_of(Choice choice) {
  const char first = choice.kills ? 'a' : 'A';
  return static_cast<char>(first + static_cast<int>(choice.process));
}

bool same_process(char a, char b) { return (a | 0x20) == (b | 0x20); }

// Thrown through the scenario when its schedule is of no more interest.
struct GivenUp {};

// The memory that a choice has touched.
struct Footprint {
  std::vector<MemoryAccess> accesses;
  bool all = true;
};

bool conflict(MemoryAccess a, MemoryAccess b) {
  return (a.writes || b.writes) && a.begin < b.end && b.begin < a.end;
}

bool conflict(const Footprint& a, const Footprint& b) {
  if (a.all || b.all) return true;
  return std::any_of(a.accesses.begin(), a.accesses.end(), [&](auto ours) {
    return std::any_of(b.accesses.begin(), b.accesses.end(),
                       [&](auto theirs) { return conflict(ours, theirs); });
  });
}

// A choice that was tried at some node, and the memory that it touched there.
struct Tried {
  Choice choice;
  Footprint footprint;
};

// Whether the two choices, one after the other, lead to the same state in
// either order.
bool independent(const Tried& a, const Tried& b) {
  if (a.choice.process == b.choice.process) return false;
  return !conflict(a.footprint, b.footprint);
}

// A state in which there is something to choose.
struct Node {
  std::vector<Choice> options;  // In the order in which they are tried.
  size_t taken = 0;             // The option that is being tried.
  Footprint footprint;          // Of that option.
  std::vector<Tried> asleep;    // These lead nowhere new from here.
  int preemptions = 0;          // Before this node.
  int time_passed = 0;

  [[nodiscard]] Choice choice() const { return options[taken]; }
  [[nodiscard]] Tried tried() const { return {choice(), footprint}; }
  [[nodiscard]] bool sleeps(Choice choice) const {
    return std::any_of(asleep.begin(), asleep.end(), [&](const Tried& tried) {
      return tried.choice == choice;
    });
  }
};

bool has(std::span<const Choice> options, Choice choice) {
  return std::find(options.begin(), options.end(), choice) != options.end();
}

// Plays one schedule after the other, depth first.
class Search final : public Schedule::Director {
 public:
  explicit Search(const ExploreOptions& options)
      : options_(options), random_(options.seed) {}

  Choice choose(const Schedule& schedule,
                std::span<const Choice> options) override {
    if (options_.random > 0) return choose_any(options);
    if (depth_ == nodes_.size()) {
      add_node(schedule, options);
    } else {
      check_repeated(nodes_[depth_], schedule, options);
    }
    return nodes_[depth_].choice();
  }

  // What the earlier choices touch is known from the schedules before.
  bool wants_accesses() override {
    return options_.reduce && depth_ + 1 == nodes_.size();
  }

  void done(const Schedule& schedule, Choice choice) override {
    letters_ += letter_of(choice);
    if (options_.random > 0) return;
    Node& node = nodes_[depth_++];
    if (depth_ < nodes_.size() || !options_.reduce) return;
    const MemoryAccesses& accesses = schedule.accesses(choice.process);
    node.footprint.all = accesses.all();
    node.footprint.accesses.assign(accesses.begin(), accesses.end());
  }

  // Begins the next schedule; false if there is none.
  bool next() {
    const bool is_first = letters_.empty() && nodes_.empty();
    letters_.clear();
    depth_ = 0;
    if (options_.random > 0 || is_first) return true;
    while (!nodes_.empty()) {
      Node& node = nodes_.back();
      if (options_.reduce) node.asleep.push_back(node.tried());
      ++node.taken;
      if (find_allowed(node)) return true;
      nodes_.pop_back();
    }
    return false;
  }

  [[nodiscard]] const std::string& letters() const { return letters_; }
  [[nodiscard]] bool bounded() const { return bounded_; }

 private:
  Choice choose_any(std::span<const Choice> options) {
    return options[random_() % options.size()];
  }

  void check_repeated(const Node& node, const Schedule& schedule,
                      std::span<const Choice> options) const {
    const bool same =
        options.size() == node.options.size() &&
        std::all_of(options.begin(), options.end(),
                    [&](Choice option) { return has(node.options, option); });
    if (same && schedule.time_passed() == node.time_passed) return;
    throw std::logic_error(fmt::format(
        "the same choices do not always have the same effect: see {}",
        letters_));
  }

  void add_node(const Schedule& schedule, std::span<const Choice> options) {
    Node node;
    node.options.assign(options.begin(), options.end());
    node.time_passed = schedule.time_passed();
    if (depth_ > 0) {
      const Node& before = nodes_[depth_ - 1];
      node.preemptions = before.preemptions + preempts(before);
      // The process that ran continues, so the first schedules have few
      // switches.
      const Choice goes_on{before.choice().process};
      auto& all = node.options;
      const auto place = std::find(all.begin(), all.end(), goes_on);
      if (place != all.end()) std::rotate(all.begin(), place, place + 1);
      if (options_.reduce && node.time_passed == before.time_passed) {
        for (const Tried& tried : before.asleep) {
          if (independent(tried, before.tried())) node.asleep.push_back(tried);
        }
      }
    }
    const bool any = find_allowed(node);
    nodes_.push_back(std::move(node));
    if (any) return;
    nodes_.pop_back();
    throw GivenUp();
  }

  // Moves on to the next option that should be tried; stays if the present one
  // should. False if there is none.
  bool find_allowed(Node& node) {
    for (; node.taken < node.options.size(); ++node.taken) {
      if (node.sleeps(node.choice())) continue;
      const int limit = options_.max_preemptions;
      if (limit < 0 || node.preemptions + preempts(node) <= limit) return true;
      bounded_ = true;
    }
    return false;
  }

  // 1 if the choice switches away from a process that could have continued.
  [[nodiscard]] int preempts(const Node& node) const {
    const auto place = static_cast<size_t>(&node - nodes_.data());
    const size_t depth = place < nodes_.size() ? place : nodes_.size();
    if (depth == 0 || node.choice().kills) return 0;
    const Choice goes_on{nodes_[depth - 1].choice().process};
    return node.choice() == goes_on || !has(node.options, goes_on) ? 0 : 1;
  }

  const ExploreOptions& options_;
  std::vector<Node> nodes_;
  size_t depth_ = 0;
  std::string letters_;
  bool bounded_ = false;
  std::mt19937 random_;
};

constexpr const char* kStates[] = {"running", "at point", "waiting", "woken",
                                   "finished"};

std::string where(const Schedule& schedule, size_t index) {
  if (schedule.state(index) == Schedule::State::waiting) {
    return "waits for " + schedule.place(index);
  }
  if (schedule.state(index) == Schedule::State::woken) {
    return "woken: " + schedule.place(index);
  }
  return schedule.place(index);
}

std::vector<ReplayProcess> processes_of(const Schedule& schedule) {
  std::vector<ReplayProcess> processes;
  for (size_t i = 0; i < schedule.size(); ++i) {
    processes.push_back({schedule.name(i),
                         kStates[static_cast<int>(schedule.state(i))],
                         schedule.place(i)});
  }
  return processes;
}

std::string letters_of(std::span<const Choice> options) {
  std::string letters;
  for (const Choice option : options) letters += letter_of(option);
  return letters;
}

// Lets another director choose, and keeps the state after each choice.
class Recorder final : public Schedule::Director {
 public:
  Recorder(Director& director, std::vector<RecordedState>& states)
      : director_(director), states_(states) {}

  Choice choose(const Schedule& schedule,
                std::span<const Choice> options) override {
    if (states_.empty()) {
      states_.push_back(
          {.views = schedule.views(), .processes = processes_of(schedule)});
    }
    RecordedState& state = states_[at_];
    if (state.options.empty()) state.options = letters_of(options);
    const Choice choice = director_.choose(schedule, options);
    from_ = where(schedule, choice.process);
    return choice;
  }

  bool wants_accesses() override { return director_.wants_accesses(); }

  void done(const Schedule& schedule, Choice choice) override {
    director_.done(schedule, choice);
    const char letter = letter_of(choice);
    for (const RecordedState::Next& next : states_[at_].next) {
      if (next.step.letter != letter) continue;
      at_ = next.state;
      return;
    }
    const ReplayStep step{letter, from_, where(schedule, choice.process),
                          schedule.notes(choice.process), schedule.views()};
    states_[at_].next.push_back({step, states_.size()});
    at_ = states_.size();
    states_.push_back(
        {.views = step.views, .processes = processes_of(schedule)});
  }

  // The schedule has ended, and the next one begins at the root.
  void end(const std::pair<std::string, std::string>& ending) {
    if (!states_.empty()) {
      std::tie(states_[at_].kind, states_[at_].text) = ending;
    }
    at_ = 0;
  }

  // The schedule was given up.
  void give_up() { at_ = 0; }

 private:
  Director& director_;
  std::vector<RecordedState>& states_;
  size_t at_ = 0;
  std::string from_;
};

int count_switches(std::string_view letters) {
  int count = 0;
  for (size_t i = 1; i < letters.size(); ++i) {
    count += same_process(letters[i], letters[i - 1]) ? 0 : 1;
  }
  return count;
}

bool is_simpler(const std::string& a, const std::string& b) {
  const int switches_a = count_switches(a);
  const int switches_b = count_switches(b);
  if (switches_a != switches_b) return switches_a < switches_b;
  if (a.size() != b.size()) return a.size() < b.size();
  return a < b;
}

const char* describe(BadEnd::Kind kind) {
  constexpr const char* kWords[] = {"deadlock", "broken", "failed", "endless"};
  return kWords[static_cast<int>(kind)];
}

// How a schedule ended: the kind and the text of its outcome.
using Ending = std::pair<std::string, std::string>;

// Calls the scenario once.
Ending run_once(const Scenario& scenario, Schedule& schedule) {
  try {
    return {"outcome", scenario(schedule)};
  } catch (const BadEnd& end) {
    return {describe(end.kind()), end.what()};
  }
}

std::vector<std::string> names_of(const Schedule& schedule) {
  std::vector<std::string> names;
  for (size_t i = 0; i < schedule.size(); ++i) {
    names.push_back(schedule.name(i));
  }
  return names;
}

}  // namespace

std::vector<std::string> Exploration::texts() const {
  std::vector<std::string> found;
  for (const FoundOutcome& outcome : outcomes) {
    found.push_back(outcome.kind == "outcome"
                        ? outcome.text
                        : outcome.kind + ": " + outcome.text);
  }
  return found;
}

const FoundOutcome* Exploration::find(std::string_view kind,
                                      std::string_view text) const {
  const auto place = std::find_if(
      outcomes.begin(), outcomes.end(), [&](const FoundOutcome& outcome) {
        return outcome.kind == kind && outcome.text == text;
      });
  return place == outcomes.end() ? nullptr : &*place;
}

Exploration explore(const Scenario& scenario, const ExploreOptions& given) {
  ExploreOptions options = given;
  options.reduce = given.reduce && given.memory_only && kMemoryWatchWorks &&
                   given.max_preemptions < 0 && given.random == 0;
  const OneCpu one_cpu;
  const int64_t begin_ns = now_ns();
  Exploration result;
  result.reduced = options.reduce;
  std::map<Ending, FoundOutcome> found;
  Search search(options);
  Recorder recorder(search, result.recorded);
  Schedule::Director& director =
      options.record ? static_cast<Schedule::Director&>(recorder) : search;
  const int64_t limit =
      options.random > 0 ? options.random : options.max_schedules;
  bool ended = false;
  bool is_endless = false;
  while (!is_endless && result.schedules != limit &&
         !(ended = !search.next())) {
    Schedule schedule(director, {.kills = options.kills,
                                 .inner = options.inner,
                                 .watches = options.reduce,
                                 .notes = options.record});
    try {
      const Ending ending = run_once(scenario, schedule);
      recorder.end(ending);
      ++result.schedules;
      is_endless = ending.first == "endless";
      FoundOutcome& outcome = found[ending];
      if (++outcome.count == 1 ||
          is_simpler(search.letters(), outcome.witness)) {
        outcome.witness = search.letters();
      }
    } catch (const GivenUp&) {
      recorder.give_up();
      ++result.cut;
    }
    result.choices += static_cast<int64_t>(search.letters().size());
    if (result.processes.empty()) result.processes = names_of(schedule);
    if (options.progress) options.progress(result.schedules + result.cut);
  }
  for (auto& [ending, outcome] : found) {
    std::tie(outcome.kind, outcome.text) = ending;
    result.outcomes.push_back(outcome);
  }
  result.seconds = to_s(now_ns() - begin_ns);
  result.complete = ended && !search.bounded();
  return result;
}

namespace {

// Plays the letters of a schedule, and gives up after the last one.
class Player final : public Schedule::Director {
 public:
  Player(std::string_view letters, Replay& replay)
      : letters_(letters), replay_(replay) {}

  Choice choose(const Schedule& schedule,
                std::span<const Choice> options) override {
    if (replay_.steps.empty() && replay_.first_views.empty()) {
      replay_.first_views = schedule.views();
    }
    replay_.options = letters_of(options);
    if (place_ == letters_.size()) {
      replay_.processes = processes_of(schedule);
      throw GivenUp();
    }
    const char letter = letters_[place_];
    const auto choice = std::find_if(
        options.begin(), options.end(),
        [&](Choice option) { return letter_of(option) == letter; });
    if (choice == options.end()) throw_impossible(schedule, letter);
    from_ = where(schedule, choice->process);
    return *choice;
  }

  void done(const Schedule& schedule, Choice choice) override {
    replay_.steps.push_back({letters_[place_++], from_,
                             where(schedule, choice.process),
                             schedule.notes(choice.process), schedule.views()});
  }

  void end(const Schedule& schedule) const {
    replay_.processes = processes_of(schedule);
    replay_.options.clear();
    if (place_ == letters_.size()) return;
    throw std::invalid_argument(fmt::format(
        "{} is too long: all processes ended after {} of {} choices", letters_,
        place_, letters_.size()));
  }

 private:
  [[noreturn]] void throw_impossible(const Schedule& schedule,
                                     char letter) const {
    const auto index = static_cast<size_t>((letter | 0x20) - 'a');
    std::string reason = "is not a process";
    if (index < schedule.size()) {
      reason = fmt::format("cannot be chosen: it is {} ({})",
                           kStates[static_cast<int>(schedule.state(index))],
                           schedule.place(index));
    }
    throw std::invalid_argument(
        fmt::format("{}: choice {}: {} {}; possible: {}", letters_, place_ + 1,
                    letter, reason, replay_.options));
  }

  std::string_view letters_;
  Replay& replay_;
  size_t place_ = 0;
  std::string from_;
};

}  // namespace

Replay replay(const Scenario& scenario, const ExploreOptions& options,
              std::string_view letters) {
  const OneCpu one_cpu;
  Replay result;
  Player player(letters, result);
  Schedule schedule(
      player, {.kills = options.kills, .inner = options.inner, .notes = true});
  try {
    const Ending ending = run_once(scenario, schedule);
    player.end(schedule);
    std::tie(result.kind, result.text) = ending;
  } catch (const GivenUp&) {
  }
  return result;
}

}  // namespace ipc
