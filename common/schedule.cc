#include "common/schedule.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "common/check.h"
#include "common/errors.h"
#include "common/point.h"
#include "common/report.h"

namespace ipc {
namespace {

constexpr double kLookEveryS = 0.001;
constexpr size_t kTextBytesMax = 200;

// What a process tells the controller: the first byte of its message.
constexpr char kAtPoint = 'p';
constexpr char kWaits = 'w';
constexpr char kWoke = 'k';

// The gate of this process, if it is arranged.
int gate_fd = -1;
pid_t gate_owner = -1;

bool is_arranged() { return gate_owner == ::getpid(); }

void tell(char kind, std::string_view text) {
  std::string message(1, kind);
  message += text.substr(0, kTextBytesMax);
  check(retry([&] {
          return ::send(gate_fd, message.data(), message.size(), MSG_NOSIGNAL);
        }),
        "send to the schedule");
}

void wait_until_let_go() {
  char go = 0;
  const auto count = retry([&] { return ::recv(gate_fd, &go, 1, 0); });
  // Without a controller nobody would ever let this process go.
  if (check(count, "recv from the schedule") == 0) ::_exit(1);
}

// From here on what this process says is only in the event log.
void silence() {
  const UniqueFd null(
      check(::open("/dev/null", O_WRONLY | O_CLOEXEC), "open /dev/null"));
  check(::dup2(null.get(), STDOUT_FILENO), "dup2");
}

void stop_at_point(std::string_view place) {
  if (!is_arranged()) return;
  event(EventKind::point, place);
  tell(kAtPoint, place);
  wait_until_let_go();
}

void tell_waits(EventKind kind, std::string_view object) {
  if (kind != EventKind::wait && kind != EventKind::wake) return;
  if (!is_arranged()) return;
  tell(kind == EventKind::wait ? kWaits : kWoke, object);
  if (kind == EventKind::wake) wait_until_let_go();
}

// "Lock@7f12..." is no text for people.
std::string readable(const std::string& object) {
  const size_t at = object.find('@');
  if (at == std::string::npos) return object;
  return "the " + object.substr(0, at);
}

std::string field(const std::string& file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
  }
  return "";
}

// Whether the process sleeps only for a time, or until its line is printed:
// nothing that another arranged process could end.
bool goes_on_by_itself(const std::string& folder) {
  std::ifstream file(folder + "syscall");
  std::string call;
  std::string argument;
  file >> call >> argument;
  if (call == std::to_string(SYS_write)) {
    return argument == "0x1" || argument == "0x2";
  }
  return call == std::to_string(SYS_clock_nanosleep);
}

bool has_ended(pid_t pid) {
  const std::string state = field(fmt::format("/proc/{}/status", pid), "State");
  return state.empty() || state[0] == 'Z' || state[0] == 'X';
}

// What the process is at, if it sleeps and its children do: numbers that grow
// when they run. A child that runs may yet end the wait of its parent.
std::string look_at(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/", pid);
  if (field(folder + "status", "State") != "S (sleeping)") return "";
  if (goes_on_by_itself(folder)) return "";
  std::string look = field(folder + "status", "voluntary_ctxt_switches");
  std::ifstream children(fmt::format("{}task/{}/children", folder, pid));
  for (pid_t child = 0; children >> child;) {
    if (has_ended(child)) continue;
    const std::string at = look_at(child);
    if (at.empty()) return "";
    look += " " + at;
  }
  return look;
}

// Whether it sleeps and has done so since the last look: then all that it told
// before has been received between the two looks.
bool is_asleep(pid_t pid, std::string& last_look) {
  const std::string before = std::exchange(last_look, look_at(pid));
  return !last_look.empty() && last_look == before;
}

int count_switches(std::string_view order) {
  int count = 0;
  for (size_t i = 1; i < order.size(); ++i) count += order[i] != order[i - 1];
  return count;
}

}  // namespace

// The death of one can end the wait of another, which would go on for a moment,
// before its turn to die: so all are stopped first. They sleep, and a process
// that sleeps sees a signal before any other instruction of its own.
Schedule::~Schedule() {
  for (Actor& actor : actors_) (void)actor.process.send_signal(SIGSTOP);
}

void Schedule::add(const std::string& name,
                   const std::function<void()>& target) {
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends),
        "socketpair");
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  Process process(name, [&] {
    for (Actor& other : actors_) other.gate.reset();
    ours.reset();
    if (!narrated_) silence();
    gate_fd = theirs.get();
    gate_owner = ::getpid();
    point_gate = stop_at_point;
    observe_events(tell_waits);
    point("start");
    target();
  });
  actors_.push_back({std::move(process), std::move(ours)});
  settle();
}

Schedule::State Schedule::step(size_t index) {
  Actor& actor = actors_.at(index);
  IPC_CHECK(actor.state == State::at_point);
  let_go(actor);
  settle();
  if (narrated_ && actor.state == State::waiting) {
    say("{} has to wait for {}", actor.process.name(), actor.place);
  }
  return actor.state;
}

void Schedule::let_go(Actor& actor) {
  actor.state = State::running;
  actor.last_look.clear();
  // It may have been killed; then its pidfd says so, and this need not.
  (void)retry([&] { return ::send(actor.gate.get(), "g", 1, MSG_NOSIGNAL); });
}

void Schedule::forget_looks() {
  for (Actor& actor : actors_) actor.last_look.clear();
  for (Server& server : servers_) server.last_look.clear();
}

// Looks at everybody once more. The servers come last: what a process had asked
// before this look at it, its server has answered if that sleeps after it, and
// the answer would have woken the process before the next look.
bool Schedule::is_anybody_moving() {
  bool moving = false;
  for (Actor& actor : actors_) {
    if (actor.state != State::running && actor.state != State::waiting) {
      continue;
    }
    const bool asleep = is_asleep(actor.process.pid(), actor.last_look);
    if (asleep && actor.state == State::running) {
      actor.state = State::waiting;
      actor.place = "a system call";
    }
    moving = moving || !asleep;
  }
  for (Server& server : servers_) {
    const bool asleep = is_asleep(server.pid, server.last_look);
    moving = moving || (!asleep && !has_ended(server.pid));
  }
  return moving;
}

// Returns when nobody moves any more. A step may have ended the waits of
// others, so all that wait are looked at anew.
void Schedule::settle() {
  forget_looks();
  receive_until(Deadline::at_ns(0));
  while (true) {
    if (is_anybody_moving()) {
      receive_until(Deadline::after(kLookEveryS));
      continue;
    }
    // One at a time: the next is let go when this one is still again.
    const auto woken = std::find_if(
        actors_.begin(), actors_.end(),
        [](const Actor& actor) { return actor.state == State::woken; });
    if (woken == actors_.end()) return;
    let_go(*woken);
    forget_looks();
  }
}

// Receives what the processes have told, or tell until the deadline.
void Schedule::receive_until(Deadline deadline) {
  std::vector<pollfd> fds;
  for (const Actor& actor : actors_) {
    const bool ended = actor.state == State::finished;
    fds.push_back({ended ? -1 : actor.gate.get(), POLLIN, 0});
    fds.push_back({ended ? -1 : actor.process.pidfd(), POLLIN, 0});
  }
  if (::poll(fds.data(), fds.size(), deadline.poll_ms()) <= 0) return;
  for (size_t i = 0; i < actors_.size(); ++i) {
    Actor& actor = actors_[i];
    if ((fds[2 * i].revents & POLLIN) != 0) receive(actor);
    if ((fds[2 * i + 1].revents & POLLIN) == 0) continue;
    actor.state = State::finished;
    actor.status = actor.process.exit_status().value_or(kStatusLost);
    actor.place = describe_status(actor.status);
    if (narrated_ && actor.status != 0) {
      say("{} ended: {}", actor.process.name(), actor.place);
    }
  }
}

void Schedule::receive(Actor& actor) {
  char text[kTextBytesMax + 1];
  const auto count = retry([&] {
    return ::recv(actor.gate.get(), text, sizeof text, MSG_DONTWAIT);
  });
  if (count <= 0) return;  // It has ended: its pidfd says how.
  actor.last_look.clear();
  const std::string object(text + 1, static_cast<size_t>(count) - 1);
  switch (text[0]) {
    case kAtPoint:
      actor.state = State::at_point;
      actor.place = object;
      break;
    case kWaits:
      actor.state = State::waiting;
      actor.place = readable(object);
      break;
    case kWoke:
      actor.state = State::woken;
      break;
  }
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

// Why the play is not over, or not over well; "" if it is.
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
  return waits.empty() ? "" : "nobody can go on: " + waits;
}

std::string order_problem(std::string_view order, int steps) {
  for (const char letter : order) {
    if (letter < 'A' || letter > 'Z') {
      return fmt::format("'{}' is no process: an order is written as ABAB",
                         letter);
    }
  }
  if (order.empty()) return "an order is written as ABAB";
  const auto last = static_cast<char>('A' + order_size(order) - 1);
  for (char letter = 'A'; letter <= last; ++letter) {
    const auto count = std::count(order.begin(), order.end(), letter);
    if (count == steps) continue;
    return fmt::format("{} is too {}: {} takes {} step{}, not {}", order,
                       count < steps ? "short" : "long", letter, steps,
                       steps == 1 ? "" : "s", count);
  }
  return "";
}

std::function<std::string(const std::string&)> order_rule(int steps) {
  return [steps](const std::string& order) {
    return order == "all" ? "" : order_problem(order, steps);
  };
}

int order_size(std::string_view order) {
  if (order.empty()) return 0;
  return *std::max_element(order.begin(), order.end()) - 'A' + 1;
}

std::vector<std::string> all_orders(int processes, int steps) {
  std::string order;
  for (int i = 0; i < processes; ++i) {
    order.append(static_cast<size_t>(steps), static_cast<char>('A' + i));
  }
  std::vector<std::string> orders;
  do {
    orders.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  std::stable_sort(orders.begin(), orders.end(),
                   [](const std::string& a, const std::string& b) {
                     return count_switches(a) < count_switches(b);
                   });
  return orders;
}

Outcomes outcomes_of(const std::vector<std::string>& orders, const Play& play) {
  Outcomes outcomes;
  for (const std::string& order : orders) {
    const auto [place, is_new] = outcomes.try_emplace(play(order));
    ++place->second.count;
    if (is_new) place->second.witness = order;
  }
  return outcomes;
}

Outcomes play_all(int processes, int steps, std::string_view what,
                  const Play& play) {
  processes = std::min(processes, 3);
  const std::vector<std::string> orders = all_orders(processes, steps);
  say("Every order of {} processes, {} steps each", processes, steps);
  Outcomes outcomes = outcomes_of(orders, play);
  for (const auto& [text, outcome] : outcomes) {
    say("{} {} in {} of {} orders, first in {}", what, text, outcome.count,
        orders.size(), outcome.witness);
  }
  return outcomes;
}

}  // namespace ipc
