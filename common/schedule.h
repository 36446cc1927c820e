// A given order of the steps of several real processes.
//
//   ipc::Schedule schedule;
//   schedule.add("Worker 0", [&] { increment(*counter); });
//   schedule.add("Worker 1", [&] { increment(*counter); });
//   const std::string problem = schedule.play("ABAB");
//
// Each process stops before its first step and at each ipc::point(). The
// controller, which made the Schedule, lets one go at a time, A being the
// first that was added, and then waits until all is still: each process is at
// a point, has finished, or waits for something. A wait that ends is gone on
// with at once, up to the next point, as a part of the step that it is in.
//
//   gate: a pair of sockets for each process
//         process ---- "I am at <place>", "I wait for <object>", "I woke" -->
//                 <--- "go on" ----------------------------------- controller
//
// A wait is announced by the library's own events (EventKind::wait and wake).
// Whether it sleeps, also in a call that announces nothing, is seen in /proc:
// asleep in two looks and not run in between.
//
// Lifetime: the destructor kills and reaps the processes that are left. None of
//           them goes on because another one has died.
// Blocks:   add(), step() and play() until all is still; a process that loops
//           for ever is waited for, for ever.
// Errors:   std::system_error if a process cannot be made.
// Fork:     a child of an arranged process is not arranged.
// Death:    a process that is killed has finished, with a status.
// See:      socketpair(2), proc(5).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/process.h"
#include "common/unique_fd.h"

namespace ipc {

class Schedule {
 public:
  enum class State {
    running,   // It was let go, and has not come to anything yet.
    at_point,  // It waits to be let go.
    waiting,   // It waits for something that the others must do.
    woken,     // Its wait is over; it waits to go on with the same step.
    finished,
  };

  // A narrated schedule says when a process has to wait, or ends badly. In one
  // that is not, the processes are silent: nothing goes to standard output.
  explicit Schedule(bool narrated = false) : narrated_(narrated) {}
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  Schedule(Schedule&&) = delete;
  Schedule& operator=(Schedule&&) = delete;
  ~Schedule();

  // Forks the next process. It stops before its first step.
  void add(const std::string& name, const std::function<void()>& target);

  // Names a server, which is not arranged and whose answers belong to the steps
  // of those who ask it: all is still when it sleeps as well.
  void add_server(pid_t pid) { servers_.push_back({pid}); }

  // Lets a process that is at a point take one step. Returns what it is then.
  State step(size_t index);

  // Plays one step for each letter, A for the first process. The turn of a
  // process that waits is put off to the end. Returns "", or the reason why
  // not all processes have ended well.
  [[nodiscard]] std::string play(std::string_view order);

  [[nodiscard]] size_t size() const { return actors_.size(); }
  [[nodiscard]] State state(size_t index) const { return actors_[index].state; }
  // The point where it is, or what it waits for.
  [[nodiscard]] const std::string& place(size_t index) const {
    return actors_[index].place;
  }
  [[nodiscard]] int status(size_t index) const { return actors_[index].status; }

 private:
  struct Actor {
    Process process;
    UniqueFd gate;
    State state = State::running;
    std::string place = {};
    std::string last_look = {};  // Of is_asleep().
    int status = 0;
  };

  struct Server {
    pid_t pid;
    std::string last_look = {};
  };

  void settle();
  void forget_looks();
  bool is_anybody_moving();
  void receive_until(Deadline deadline);
  void receive(Actor& actor);
  void let_go(Actor& actor);
  std::string play_put_off(std::string letters);
  [[nodiscard]] std::string unfinished() const;

  bool narrated_;
  std::vector<Actor> actors_;
  std::vector<Server> servers_;
};

// What is wrong with an order in which each process takes `steps` steps; "" if
// it is good. Its letters say how many processes there are.
std::string order_problem(std::string_view order, int steps);

// The same as a rule for Lab::option(); the word "all" is good too.
std::function<std::string(const std::string&)> order_rule(int steps);

// The number of processes that a good order is for.
int order_size(std::string_view order);

// All orders of `processes` of `steps` steps each: those that change seldom
// from one process to another come first.
std::vector<std::string> all_orders(int processes, int steps);

// How often something came of an order, and the first order that led to it.
struct Outcome {
  int count = 0;
  std::string witness;
};

// Plays each order; `play` returns what came of it.
using Outcomes = std::map<std::string, Outcome>;
using Play = std::function<std::string(const std::string& order)>;
Outcomes outcomes_of(const std::vector<std::string>& orders, const Play& play);

// Plays all orders and says which `what` came out, in how many of them, and
// in which first. For more than 3 processes, say 4 with 2,520 orders of two
// steps each, plays those of 3.
Outcomes play_all(int processes, int steps, std::string_view what,
                  const Play& play);

}  // namespace ipc
