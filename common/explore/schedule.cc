#include "common/explore/schedule.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/process/process_stat.h"
#include "common/report/report.h"
#include "common/sync/futex.h"

namespace ipc {
namespace {

// A process that does not come to the gate in this time may be asleep
// elsewhere.
constexpr int64_t kLookEveryNs = 500'000;
// A sleeper that has looked again this often, while no process has ended, will
// wait forever.
constexpr int kRechecksMax = 2;

// From here on what this process prints to `fd` is lost; the event log still
// has what it says.
void silence(int fd) {
  static const int null =
      check(::open("/dev/null", O_WRONLY | O_CLOEXEC), "open /dev/null");
  check(::dup2(null, fd), "dup2");
}

// The names that describe_object() has given to objects of this run.
std::map<std::string, std::string, std::less<>> object_names;

void see_names(EventKind kind, std::string_view object, std::string_view id) {
  if (kind == EventKind::name) object_names[std::string(object)] = id;
}

// Whether the owner of a robust mutex has ended without unlocking it, and no
// other process has locked it since. Its first word is the one that futex(2)
// uses.
bool is_inherited(const void* mutex) {
  uint32_t word = 0;
  ::memcpy(&word, mutex, sizeof word);
  return (word & FUTEX_OWNER_DIED) != 0;
}

// Finds out what the death of a process changes in the memory that it shared:
// the kernel marks its robust mutexes.
class DeathWatch {
 public:
  explicit DeathWatch(std::span<const SharedRegion> regions)
      : regions_(regions) {
    for (const SharedRegion& region : regions) {
      const auto* const bytes = static_cast<const char*>(region.data);
      before_.emplace_back(bytes, bytes + region.size_bytes);
    }
  }

  void add_changes(MemoryAccesses& accesses) const {
    for (size_t i = 0; i < before_.size(); ++i) {
      const auto* const now = static_cast<const char*>(regions_[i].data);
      for (size_t at = 0; at < before_[i].size(); at += sizeof(uint64_t)) {
        if (::memcmp(now + at, &before_[i][at], sizeof(uint64_t)) != 0) {
          accesses.add(now + at, sizeof(uint64_t), true);
        }
      }
    }
  }

 private:
  std::span<const SharedRegion> regions_;
  std::vector<std::string> before_;
};

}  // namespace

Schedule::BoardMemory::BoardMemory() {
  void* const memory =
      ::mmap(nullptr, sizeof(GateBoard), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_error(errno, "mmap");
  // A new GateBoard is all zeros, as these pages are. Pages that no process
  // writes to cost nothing.
  board_ = static_cast<GateBoard*>(memory);
}

Schedule::BoardMemory::~BoardMemory() { ::munmap(board_, sizeof(GateBoard)); }

Schedule::Schedule(bool narrated) : narrated_(narrated) {}

Schedule::Schedule(Director& director, Rules rules)
    : director_(&director), rules_(rules), kills_left_(rules.kills) {
  board_->time_ns = now_ns();
  board_->inner = rules.inner;
  board_->notes = rules.notes;
  object_names.clear();
  observe_events(see_names);
}

// The death of one process can end the wait of another, which would then run
// for a moment before it is killed too. So all are stopped first. They sleep,
// and a sleeping process receives a signal before it executes another
// instruction.
Schedule::~Schedule() {
  if (director_ != nullptr) observe_events(nullptr);
  for (Actor& actor : actors_) (void)actor.process.send_signal(SIGSTOP);
}

void Schedule::add(const std::string& name,
                   const std::function<void()>& target) {
  const size_t index = size();
  IPC_CHECK(index < GateBoard::kProcessesMax);
  if (index == 0 && rules_.watches) watch_regions();
  Process process(name, [&] {
    if (!narrated_) silence(STDOUT_FILENO);
    if (director_ != nullptr) silence(STDERR_FILENO);
    enter_gate(*board_, index);
    target();
    leave_gate();
  });
  actors_.push_back({std::move(process)});
  moving_ = index;
  settle();
}

// Called when the first process is added: all shared memory must exist by then.
void Schedule::watch_regions() {
  const auto regions = shared_regions(&*board_);
  IPC_CHECK(regions.size() <= board_->regions.size());
  std::copy(regions.begin(), regions.end(), board_->regions.begin());
  board_->region_count = regions.size();
}

Schedule::State Schedule::step(size_t index) {
  Actor& actor = actors_.at(index);
  IPC_CHECK(actor.state == State::at_point);
  take_step(index);
  // One at a time: the next one may run only when this one has stopped again.
  while (true) {
    const auto woken = std::find_if(
        actors_.begin(), actors_.end(),
        [](const Actor& other) { return other.state == State::woken; });
    if (woken == actors_.end()) break;
    take_step(static_cast<size_t>(woken - actors_.begin()));
  }
  if (narrated_ && actor.state == State::waiting) {
    say("{} has to wait for {}", actor.process.name(), actor.place);
  }
  return actor.state;
}

// Lets a process run to where it stops next.
void Schedule::take_step(size_t index) {
  GateBox& gate_box = box(index);
  gate_box.accesses.clear();
  gate_box.notes.set("");
  actors_[index].state = State::running;
  open_gate(index);
  moving_ = index;
  settle();
}

void Schedule::open_gate(size_t index) {
  GateBox& gate_box = box(index);
  gate_box.stop.store(Stop::running);
  gate_box.go.fetch_add(1);
  gate_wake(gate_box.go);
}

void Schedule::kill(size_t index) {
  Actor& actor = actors_[index];
  MemoryAccesses& accesses = box(index).accesses;
  accesses.clear();
  box(index).notes.set("");
  const DeathWatch watch(board_->watches ? board_->watched()
                                         : std::span<const SharedRegion>());
  (void)actor.process.kill();
  note_end(actor);
  actor.killed = true;
  if (box(index).stop.load() == Stop::asleep) {
    accesses.add(box(index).object, sizeof(uint32_t), true);
  }
  box(index).stop.store(Stop::finished);
  accesses.add(&board_->lives[index], 1, true);
  watch.add_changes(accesses);
  hand_on_mutexes(index);
  forget_rechecks();
  moving_ = size();
  settle();
}

void Schedule::forget_looks() {
  for (Actor& actor : actors_) actor.watch.forget();
  for (auto& [pid, watch] : servers_) watch.forget();
}

void Schedule::note_end(Actor& actor) {
  actor.status = actor.process.join();
  actor.state = State::finished;
  actor.place = describe_status(actor.status);
  if (narrated_ && actor.status != 0) {
    say("{} ended: {}", actor.process.name(), actor.place);
  }
}

// As the kernel does: if the process ended without unlocking a mutex, wakes a
// process that waits for it.
void Schedule::hand_on_mutexes(size_t ended) {
  for (const size_t i : sleepers()) {
    const void* const mutex = box(i).object;
    if (box(i).stop.load() != Stop::asleep || !box(i).mutex) continue;
    if (!is_inherited(mutex)) continue;
    const auto is_heir = [&](size_t other) {
      return box(other).object == mutex && box(other).woken;
    };
    const std::vector<size_t> all = sleepers();
    if (std::any_of(all.begin(), all.end(), is_heir)) continue;
    (void)wake_sleepers(*board_, mutex, 1, box(ended).accesses);
  }
}

// Updates the states of the processes that have stopped; returns whether all
// have.
bool Schedule::note_stops() {
  // This comes first: a process that still runs may wake some that have
  // stopped.
  bool all = true;
  for (size_t i = 0; i < size(); ++i) {
    const bool ended = state(i) == State::finished;
    if (!ended && box(i).stop.load() == Stop::running) all = false;
  }
  for (size_t i = 0; i < size(); ++i) {
    if (state(i) == State::finished) continue;
    if (box(i).stop.load() != Stop::finished) continue;
    note_end(actors_[i]);
    hand_on_mutexes(i);
  }
  for (size_t i = 0; i < size(); ++i) {
    Actor& actor = actors_[i];
    if (actor.state == State::finished) continue;
    const GateBox& gate_box = box(i);
    switch (gate_box.stop.load()) {
      case Stop::running:
      case Stop::finished:
        break;
      case Stop::at_point:
        actor.state = State::at_point;
        actor.place = gate_box.place.text();
        break;
      case Stop::asleep:
      case Stop::polling:
        actor.state = gate_box.woken ? State::woken : State::waiting;
        actor.place = readable(gate_box.waits_for.text());
        break;
      case Stop::woken:
        actor.state = State::woken;
        break;
    }
  }
  return all;
}

// Updates the states of the processes that have ended; returns whether any has.
bool Schedule::note_ends() {
  std::vector<pollfd> fds;
  for (const Actor& actor : actors_) {
    const bool ended = actor.state == State::finished;
    fds.push_back({ended ? -1 : actor.process.pidfd(), POLLIN, 0});
  }
  if (::poll(fds.data(), fds.size(), 0) <= 0) return false;
  for (size_t i = 0; i < size(); ++i) {
    if (fds[i].revents == 0) continue;
    note_end(actors_[i]);
    box(i).stop.store(Stop::finished);
    hand_on_mutexes(i);
  }
  return true;
}

// Looks again at each process that has not stopped at its gate, and at the
// servers; returns whether all sleep until another process wakes them. The
// servers come last. If a process has asked its server before this look at it,
// and the server sleeps after that, then the server has answered, and the
// answer would wake the process before the next look.
bool Schedule::all_sleep() {
  bool asleep = true;
  for (size_t i = 0; i < size(); ++i) {
    Actor& actor = actors_[i];
    if (actor.state == State::finished) continue;
    if (box(i).stop.load() != Stop::running) continue;
    if (!actor.watch.is_asleep(actor.process.pid())) {
      asleep = false;
      continue;
    }
    // Set each time: it may have run since, and sleep somewhere else now.
    actor.state = State::waiting;
    const std::string_view told = box(i).waits_for.text();
    actor.place = told.empty() ? "a system call" : readable(told);
    box(i).accesses.add_all();
  }
  for (auto& [pid, watch] : servers_) {
    asleep &= watch.is_asleep(pid) || has_ended(pid);
  }
  return asleep;
}

// Returns when no process runs any more, and each one that waits for a
// descriptor has looked whether it is ready. If it is ready for the process
// whose step this is, that process continues: it did not have to wait for a
// step of another one.
void Schedule::settle() {
  do {
    await_stillness();
  } while (ask_pollers());
}

// Lets the processes that wait for a descriptor look at it. Returns whether the
// moving process continues.
bool Schedule::ask_pollers() {
  for (size_t i = 0; i < size(); ++i) {
    GateBox& gate_box = box(i);
    if (gate_box.stop.load() != Stop::polling || gate_box.woken) continue;
    gate_box.asked = true;
    open_gate(i);
    while (true) {
      const uint32_t bell = board_->bell.load();
      if (gate_box.stop.load() != Stop::running || note_ends()) break;
      gate_sleep(board_->bell, bell, kLookEveryNs);
    }
    if (state(i) == State::finished || !gate_box.ready) continue;
    if (i == moving_) {
      actors_[i].state = State::running;
      open_gate(i);
      return true;
    }
    gate_box.woken = true;
    actors_[i].state = State::woken;
  }
  return false;
}

// Returns when no process runs any more. If all are at their gates, the
// controller sees that at once. If not, the step may have ended waits of others
// in system calls, so the controller looks at all that wait there again, and
// twice.
void Schedule::await_stillness() {
  forget_looks();
  while (true) {
    const uint32_t bell = board_->bell.load();
    if (note_stops() && servers_.empty()) break;
    const bool waits_only = std::none_of(
        actors_.begin(), actors_.end(),
        [](const Actor& actor) { return actor.state == State::running; });
    if (!waits_only) gate_sleep(board_->bell, bell, kLookEveryNs);
    if (board_->bell.load() != bell) continue;
    if (note_ends()) continue;
    if (all_sleep()) {
      if (note_stops(); board_->bell.load() == bell) break;
      continue;
    }
    if (waits_only) gate_sleep(board_->bell, bell, kLookEveryNs);
  }
  if (note_ends()) (void)note_stops();
}

std::vector<Schedule::Choice> Schedule::options() const {
  std::vector<Choice> found;
  for (size_t i = 0; i < size(); ++i) {
    const State is = state(i);
    if (is == State::at_point || is == State::woken) found.push_back({i});
  }
  if (found.empty() || kills_left_ == 0) return found;
  for (size_t i = 0; i < size(); ++i) {
    if (state(i) != State::finished) found.push_back({i, true});
  }
  return found;
}

void Schedule::run() {
  IPC_CHECK(director_ != nullptr && "run() is for the explorer");
  check_invariants();
  for (int count = 0; true; ++count) {
    if (count == kChoicesMax) {
      throw BadEnd(BadEnd::Kind::endless,
                   fmt::format("no end after {} choices", kChoicesMax));
    }
    const std::vector<Choice> found = options();
    if (found.empty()) {
      if (let_time_pass()) continue;  // Counts, since it may repeat forever.
      if (const std::string stuck = waits(); !stuck.empty()) {
        throw BadEnd(BadEnd::Kind::deadlock, stuck);
      }
      return check_ends();
    }
    const Choice choice = director_->choose(*this, found);
    board_->watches = rules_.watches && director_->wants_accesses();
    if (choice.kills) {
      --kills_left_;
      kill(choice.process);
    } else {
      take_step(choice.process);
      if (state(choice.process) == State::finished) forget_rechecks();
    }
    director_->done(*this, choice);
    check_invariants();
  }
}

void Schedule::forget_rechecks() {
  for (Actor& actor : actors_) actor.rechecks = 0;
}

// The processes that wait at their gates for something that others must do, in
// the order in which they began to wait.
std::vector<size_t> Schedule::sleepers() const {
  std::vector<size_t> found;
  for (size_t i = 0; i < size(); ++i) {
    const Stop stop = board_->boxes[i].stop.load();
    if (stop == Stop::asleep || stop == Stop::polling) found.push_back(i);
  }
  std::sort(found.begin(), found.end(), [&](size_t a, size_t b) {
    return board_->boxes[a].ticket < board_->boxes[b].ticket;
  });
  return found;
}

// Called when no process can continue; returns whether one can now.
bool Schedule::let_time_pass() {
  const std::vector<size_t> asleep = sleepers();
  Deadline next = Deadline::never();
  for (const size_t i : asleep) {
    next = next.sooner(Deadline::at_ns(box(i).deadline_ns));
  }
  const size_t looks_again = who_looks_again(asleep);
  constexpr int64_t kRecheckNs = to_ns(kRecheckSeconds);
  const Deadline recheck = Deadline::at_ns(board_->time_ns + kRecheckNs);
  if (looks_again != size() && recheck.ns() < next.ns()) {
    ++actors_[looks_again].rechecks;
    board_->time_ns = recheck.ns();
    end_wait(looks_again);
  } else {
    if (next.is_never()) return false;
    board_->time_ns = next.ns();
    for (const size_t i : asleep) {
      if (box(i).deadline_ns == next.ns()) end_wait(i);
    }
  }
  ++time_passed_;
  return true;
}

// A death may have swallowed a wake-up. So the processes that sleep on an
// object look again, one at a time, and each at most kRechecksMax times: one
// that has found nothing new by then never will. Returns the next one to look;
// size() if there is none.
size_t Schedule::who_looks_again(const std::vector<size_t>& asleep) const {
  const bool anybody_died =
      std::any_of(actors_.begin(), actors_.end(), [](const Actor& actor) {
        return actor.state == State::finished && actor.status < 0;
      });
  if (!anybody_died) return size();
  size_t found = size();
  int fewest = kRechecksMax;
  for (const size_t i : asleep) {
    if (board_->boxes[i].stop.load() != Stop::asleep) continue;
    if (actors_[i].rechecks >= fewest) continue;
    found = i;
    fewest = actors_[i].rechecks;
  }
  return found;
}

void Schedule::end_wait(size_t index) {
  box(index).woken = true;
  actors_[index].state = State::woken;
}

void Schedule::check_invariants() const {
  for (const auto& problem : invariants_) {
    if (const std::string text = problem(); !text.empty()) {
      throw BadEnd(BadEnd::Kind::broken, text);
    }
  }
}

void Schedule::check_ends() const {
  for (const Actor& actor : actors_) {
    if (actor.status == 0 || actor.killed) continue;
    throw BadEnd(
        BadEnd::Kind::failed,
        fmt::format("{} ended: {}", actor.process.name(), actor.place));
  }
}

std::vector<std::pair<std::string, std::string>> Schedule::views() const {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [name, view] : views_) found.emplace_back(name, view());
  return found;
}

std::string Schedule::notes(size_t index) const {
  std::string text;
  std::istringstream lines{std::string(board_->boxes[index].notes.text())};
  for (std::string line; std::getline(lines, line);) {
    const size_t end = line.find(' ');
    const std::string rest = line.substr(end + 1);
    const bool is_said = line.compare(0, end, describe(EventKind::say)) == 0;
    text += line.substr(0, end + 1) + (is_said ? rest : readable(rest)) + "\n";
  }
  return text;
}

// "Lock@7f12..." is not readable, and is different in every schedule. The same
// holds for paths of temporary files, and for the numbers of connections.
std::string Schedule::readable(std::string_view object) const {
  if (object.empty()) return "something";
  const size_t at = object.find('@');
  if (at == std::string::npos) {
    const std::string_view kind = object.substr(0, object.find(' '));
    if (director_ == nullptr || kind == object) return std::string(object);
    if (kind == "Connection") return "a connection";
    const size_t slash = object.rfind('/');
    if (slash == std::string_view::npos) return std::string(object);
    return fmt::format("{} '{}'", kind, object.substr(slash + 1));
  }
  const auto name = object_names.find(object);
  if (director_ == nullptr || name == object_names.end()) {
    return fmt::format("the {}", object.substr(0, at));
  }
  return fmt::format("{} '{}'", object.substr(0, at), name->second);
}

// ", held by Worker 1", if any process does.
std::string Schedule::held_by(std::string_view object) const {
  std::string holders;
  for (size_t i = 0; i < size(); ++i) {
    if (state(i) == State::finished) continue;
    if (!board_->boxes[i].holds(object)) continue;
    holders += (holders.empty() ? ", held by " : " and ") + name(i);
  }
  return holders;
}

// Which processes wait for what, and which have ended badly; "" if none waits.
std::string Schedule::waits() const {
  std::string text;
  bool anybody = false;
  for (size_t i = 0; i < size(); ++i) {
    const char* const separator = text.empty() ? "" : "; ";
    if (state(i) == State::waiting) {
      text += fmt::format("{}{} waits for {}{}", separator, name(i), place(i),
                          held_by(board_->boxes[i].waits_for.text()));
      anybody = true;
    } else if (status(i) != 0 && !was_killed(i)) {
      text += fmt::format("{}{} ended: {}", separator, name(i), place(i));
    }
  }
  return anybody ? text : "";
}

std::string Schedule::play(std::string_view order) {
  if (narrated_) say("Order {}", order);
  std::string put_off;
  for (const char letter : order) {
    const auto index = static_cast<size_t>(letter - 'A');
    if (letter < 'A' || index >= size()) {
      return fmt::format("the order has a {}, but the processes are A to {}",
                         letter, static_cast<char>('A' + size() - 1));
    }
    if (state(index) == State::finished) {
      return fmt::format("the order is too long: {} has finished ({})", letter,
                         place(index));
    }
    if (state(index) == State::waiting) {
      put_off += letter;
    } else {
      (void)step(index);
    }
  }
  return play_put_off(std::move(put_off));
}

// Plays the turns that were put off, each as soon as its process can go on.
std::string Schedule::play_put_off(std::string letters) {
  while (true) {
    const auto next =
        std::find_if(letters.begin(), letters.end(), [&](char letter) {
          return state(static_cast<size_t>(letter - 'A')) == State::at_point;
        });
    if (next == letters.end()) return unfinished();
    const auto index = static_cast<size_t>(*next - 'A');
    letters.erase(next);
    (void)step(index);
  }
}

// Why not all processes have ended, or have ended well; "" if they have.
std::string Schedule::unfinished() const {
  std::string waits;
  for (const Actor& actor : actors_) {
    const std::string& name = actor.process.name();
    if (actor.state == State::at_point) {
      return fmt::format("the order is too short: {} is still at \"{}\"", name,
                         actor.place);
    }
    if (actor.state == State::waiting) {
      waits += fmt::format("{}{} waits for {}", waits.empty() ? "" : ", ", name,
                           actor.place);
    } else if (actor.status != 0) {
      return fmt::format("{} ended: {}", name, actor.place);
    }
  }
  return waits.empty() ? "" : "no process can go on: " + waits;
}

}  // namespace ipc
