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
// a point, has finished, or waits for something.
//
// Whoever waits for a lock, an event, a condition, a semaphore, a barrier or a
// queue of this library does so at its gate (scheduled_process.h), and who
// wakes it is known exactly. So is it in run() for who waits for a connection,
// a pipe or a watched file: it looks at its gate whether its descriptor is
// ready, after each step. Other waits are announced by events (EventKind::wait
// and wake); whether one sleeps, also in a call that announces nothing, is seen
// in /proc. A wait that ends is gone on with at once, up to the next point, as
// a part of the step that it is in; only run() lets somebody else come first.
//
// Lifetime: the destructor kills and reaps the processes that are left. None of
//           them goes on because another one has died.
// Blocks:   add(), step(), play() and run() until all is still; a process that
//           loops for ever is waited for, for ever.
// Errors:   std::system_error if a process cannot be made.
// Fork:     a child of an arranged process is not arranged.
// Death:    a process that is killed has finished, with a status.
// See:      futex(2), proc(5), explorer.h.
#pragma once

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/explore/scheduled_process.h"
#include "common/explore/sleep_watch.h"
#include "common/process/process.h"

namespace ipc {

// How a run of processes has ended, if not by all of them being done.
class BadEnd : public std::runtime_error {
 public:
  enum class Kind {
    deadlock,  // Nobody can go on.
    broken,    // What should always hold does not.
    failed,    // A process has not ended with status 0.
    endless,   // Too many choices: it may never end.
  };
  BadEnd(Kind kind, const std::string& text)
      : std::runtime_error(text), kind_(kind) {}
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

class Schedule {
 public:
  enum class State {
    running,   // It was let go, and has not come to anything yet.
    at_point,  // It waits to be let go.
    waiting,   // It waits for something that the others must do.
    woken,     // Its wait is over; it waits to go on with the same step.
    finished,
  };

  // What can be done next: a process takes a step, or is killed where it is.
  struct Choice {
    size_t process = 0;
    bool kills = false;
    friend bool operator==(Choice a, Choice b) {
      return a.process == b.process && a.kills == b.kills;
    }
  };

  // Who decides in run().
  class Director {
   public:
    Director() = default;
    Director(const Director&) = delete;
    Director& operator=(const Director&) = delete;
    Director(Director&&) = delete;
    Director& operator=(Director&&) = delete;
    virtual ~Director() = default;

    // One of `options`, of which there is at least one. What it throws leaves
    // run().
    virtual Choice choose(const Schedule& schedule,
                          std::span<const Choice> options) = 0;
    // Whether accesses() is wanted after the choice that was just made; what is
    // not watched runs faster.
    virtual bool wants_accesses() { return false; }
    // It was done, and all is still again.
    virtual void done(const Schedule& schedule, Choice choice) = 0;
  };

  // What is arranged in run().
  struct Rules {
    int kills = 0;         // So many processes may be killed.
    bool inner = false;    // Whether inner_point() is a point.
    bool watches = false;  // Whether accesses() is ever wanted.
    bool notes = false;    // Whether notes() is wanted.
  };

  // A narrated schedule says when a process has to wait, or ends badly. In one
  // that is not, the processes are silent: nothing goes to standard output.
  explicit Schedule(bool narrated = false);

  // For run(): silent, standard error as well, and with a time of its own, that
  // passes only when nobody can do anything else.
  Schedule(Director& director, Rules rules);

  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  Schedule(Schedule&&) = delete;
  Schedule& operator=(Schedule&&) = delete;
  ~Schedule();

  // Forks the next process. It stops before its first step.
  void add(const std::string& name, const std::function<void()>& target);

  // Names a server, which is not arranged and whose answers belong to the steps
  // of those who ask it: all is still when it sleeps as well.
  void add_server(pid_t pid) { servers_.push_back({pid, {}}); }

  // Lets a process that is at a point take one step. Returns what it is then.
  State step(size_t index);

  // Plays one step for each letter, A for the first process. The turn of a
  // process that waits is put off to the end. Returns "", or the reason why
  // not all processes have ended well.
  [[nodiscard]] std::string play(std::string_view order);

  // Shows people what the processes share; asked after each step.
  void show(const std::string& name, const std::function<std::string()>& view) {
    views_.emplace_back(name, view);
  }

  // What must hold after each step of run(): `problem` returns what is wrong,
  // or "".
  void always(const std::function<std::string()>& problem) {
    invariants_.push_back(problem);
  }

  // Runs the processes to their ends, as the director decides. A process whose
  // wait has ended stops once more before it goes on. When nobody can, time
  // passes: to the first deadline, or, if somebody has died, for as long as a
  // sleep of the library may last (kRecheckSeconds). Errors: BadEnd; after
  // kChoicesMax choices it is taken to be endless.
  static constexpr int kChoicesMax = 1000;
  void run();

  [[nodiscard]] size_t size() const { return actors_.size(); }
  [[nodiscard]] const std::string& name(size_t index) const {
    return actors_[index].process.name();
  }
  [[nodiscard]] State state(size_t index) const { return actors_[index].state; }
  // The point where it is, or what it waits for.
  [[nodiscard]] const std::string& place(size_t index) const {
    return actors_[index].place;
  }
  [[nodiscard]] int status(size_t index) const { return actors_[index].status; }
  [[nodiscard]] bool was_killed(size_t index) const {
    return actors_[index].killed;
  }

  // What the last choice of this process has read and written.
  [[nodiscard]] const MemoryAccesses& accesses(size_t index) const {
    return board_->boxes[index].accesses;
  }
  // What it has said and done in that, a line each: "say Loaded 0".
  [[nodiscard]] std::string notes(size_t index) const;
  // What the processes share now, by the names given to show().
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> views() const;
  // How often time had to pass.
  [[nodiscard]] int time_passed() const { return time_passed_; }

 private:
  struct Actor {
    Process process;
    State state = State::running;
    bool killed = false;  // By choice.
    std::string place = {};
    SleepWatch watch = {};
    int status = 0;
    int rechecks = 0;  // Looks of a sleeper since anybody has got anywhere.
  };

  // The gates' memory, mapped anew for each schedule.
  class BoardMemory {
   public:
    BoardMemory();
    BoardMemory(const BoardMemory&) = delete;
    BoardMemory& operator=(const BoardMemory&) = delete;
    BoardMemory(BoardMemory&&) = delete;
    BoardMemory& operator=(BoardMemory&&) = delete;
    ~BoardMemory();
    GateBoard& operator*() const { return *board_; }
    GateBoard* operator->() const { return board_; }

   private:
    GateBoard* board_;
  };

  // How all comes to be still. Whenever the controller decides, and in all that
  // is public, nobody moves, and for each process `state` agrees with its box:
  //
  //   at_point   stop is at_point
  //   waiting    stop is asleep or polling and not woken, or running, and the
  //              kernel has it asleep for good (all_sleep())
  //   woken      stop is woken; or asleep or polling, and woken
  //   finished   it has been reaped
  //
  // take_step() breaks that for one process, `moving_`, and settle() restores
  // it: note_stops() and note_ends() take over what the boxes and the pidfds
  // say, all_sleep() looks at those who are in a system call, and ask_pollers()
  // lets each who waits for a descriptor look at it, since the step may have
  // made it ready. open_gate() lets a process run; end_wait() only says that it
  // may.
  GateBox& box(size_t index) { return board_->boxes[index]; }
  void take_step(size_t index);
  void kill(size_t index);
  void settle();
  void await_stillness();
  bool ask_pollers();
  void open_gate(size_t index);
  bool note_stops();
  bool note_ends();
  bool all_sleep();
  void forget_looks();
  void note_end(Actor& actor);
  void hand_on_mutexes(size_t ended);
  [[nodiscard]] std::vector<Choice> options() const;
  bool let_time_pass();
  [[nodiscard]] std::vector<size_t> sleepers() const;
  [[nodiscard]] size_t who_looks_again(const std::vector<size_t>& asleep) const;
  void end_wait(size_t index);
  void forget_rechecks();
  void check_invariants() const;
  void check_ends() const;
  void watch_regions();
  [[nodiscard]] std::string waits() const;
  [[nodiscard]] std::string held_by(std::string_view object) const;
  [[nodiscard]] std::string readable(std::string_view object) const;
  std::string play_put_off(std::string letters);
  [[nodiscard]] std::string unfinished() const;

  bool narrated_ = false;
  Director* director_ = nullptr;
  Rules rules_;
  int kills_left_ = 0;
  size_t moving_ = 0;  // Whose step this is; nobody's: size().
  int time_passed_ = 0;
  BoardMemory board_;
  std::vector<Actor> actors_;
  std::vector<std::pair<pid_t, SleepWatch>> servers_;
  std::vector<std::pair<std::string, std::function<std::string()>>> views_;
  std::vector<std::function<std::string()>> invariants_;
};

}  // namespace ipc
