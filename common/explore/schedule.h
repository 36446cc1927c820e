// Plays a given order of the steps of several real processes.
//
//   ipc::Schedule schedule;
//   schedule.add("Worker 0", [&] { increment(*counter); });
//   schedule.add("Worker 1", [&] { increment(*counter); });
//   const std::string problem = schedule.play("ABAB");
//
// Each process stops before its first step and at each ipc::point(). The
// process that made the Schedule is the controller. It lets one process take a
// step at a time (A is the first that was added) and then waits until all is
// still: each process is at a point, has finished, or waits for something.
//
// A process that waits for a lock, an event, a condition, a semaphore, a
// barrier or a queue of this library does so at its gate (scheduled_process.h),
// so the controller knows exactly which step wakes it. In run() this also holds
// for a connection, a pipe or a watched file: after each step, the waiting
// process looks at its gate whether its descriptor is ready. Other waits are
// announced by events (EventKind::wait and wake). /proc shows whether a process
// sleeps, even in a call that announces nothing. When its wait ends, a process
// continues at once, up to the next point, as a part of the same step. Only
// run() may let another process come first.
//
// Lifetime: the destructor kills and reaps the processes that are left. None of
//           them continues because another one has died.
// Blocks:   add(), step(), play() and run() block until all is still: forever
//           if a process loops forever.
// Errors:   std::system_error if a process cannot be made. More than 26
//           processes abort (check.h).
// Fork:     a child of an arranged process is not arranged.
// Death:    a process that is killed has finished; see status().
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

// Thrown by run() if it ends in another way than by all processes finishing
// well.
class BadEnd : public std::runtime_error {
 public:
  enum class Kind {
    deadlock,  // No process can continue, and not all have finished.
    broken,    // A condition given to always() does not hold.
    failed,    // A process has ended with a status other than 0.
    endless,   // There were too many choices: it may never end.
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
    running,   // It takes a step, and has not stopped yet.
    at_point,  // It has stopped at a point, and can take its next step.
    waiting,   // It waits for something that the others must do.
    woken,     // Its wait is over, and it can continue the same step.
    finished,  // It has ended.
  };

  // What may happen next: a process takes a step, or is killed where it is.
  struct Choice {
    size_t process = 0;
    bool kills = false;
    friend bool operator==(Choice a, Choice b) {
      return a.process == b.process && a.kills == b.kills;
    }
  };

  // Decides in run() what happens next.
  class Director {
   public:
    Director() = default;
    Director(const Director&) = delete;
    Director& operator=(const Director&) = delete;
    Director(Director&&) = delete;
    Director& operator=(Director&&) = delete;
    virtual ~Director() = default;

    // Returns one of `options`; there is at least one. If it throws, run()
    // throws the same.
    virtual Choice choose(const Schedule& schedule,
                          std::span<const Choice> options) = 0;
    // Whether accesses() will be asked for the choice that was just made. A
    // step that is not watched runs faster.
    virtual bool wants_accesses() { return false; }
    // Called after the choice was carried out, when all is still again.
    virtual void done(const Schedule& schedule, Choice choice) = 0;
  };

  // Options of run().
  struct Rules {
    int kills = 0;         // How many processes may be killed.
    bool inner = false;    // Whether processes stop at inner_point() too.
    bool watches = false;  // Whether accesses() may be asked for.
    bool notes = false;    // Whether notes() may be asked for.
  };

  // A narrated schedule says when a process has to wait, or ends badly. If it
  // is not narrated, the standard output of the processes is /dev/null.
  explicit Schedule(bool narrated = false);

  // For run(). The standard output and standard error of the processes are
  // /dev/null. They have a time of their own, which passes only when none of
  // them can continue.
  Schedule(Director& director, Rules rules);

  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  Schedule(Schedule&&) = delete;
  Schedule& operator=(Schedule&&) = delete;
  ~Schedule();

  // Forks the next process. It stops before its first step.
  void add(const std::string& name, const std::function<void()>& target);

  // Adds a server: a process that is not arranged. Its answer belongs to the
  // step of the process that asks, so all is still only when the server sleeps
  // too.
  void add_server(pid_t pid) { servers_.push_back({pid, {}}); }

  // Lets a process take one step; it must be at a point. Returns its state
  // after that.
  State step(size_t index);

  // Plays one step for each letter, A for the first process. If a process waits
  // when its turn comes, the turn is put off to the end. Returns "", or the
  // reason why not all processes have ended well.
  [[nodiscard]] std::string play(std::string_view order);

  // Shows people, by `name`, something that the processes share. `view` is
  // called for views(), and returns its present value as text.
  void show(const std::string& name, const std::function<std::string()>& view) {
    views_.emplace_back(name, view);
  }

  // A condition that must hold before the first and after each step of run():
  // `problem` returns what is wrong, or "".
  void always(const std::function<std::string()>& problem) {
    invariants_.push_back(problem);
  }

  // Runs the processes to their ends, as the director decides. A process whose
  // wait has ended stops again before it continues. When no process can
  // continue, time passes up to the first deadline; or, if a process has died,
  // by kRecheckSeconds, after which a sleeper of the library looks again.
  // Errors: BadEnd; after kChoicesMax choices the run counts as endless.
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

  // The memory that the last step, or the death, of this process has touched.
  [[nodiscard]] const MemoryAccesses& accesses(size_t index) const {
    return board_->boxes[index].accesses;
  }
  // What it has said and done in this step, a line each: "say Loaded 0".
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
    int rechecks = 0;  // Looks of this sleeper since any process has ended.
  };

  // The memory of the gates. Each Schedule maps its own.
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

  // An invariant holds whenever the controller decides, and at the start and
  // end of each public function: all is still, so no process runs, and the
  // `state` of each one agrees with its box:
  //
  //   at_point   stop is at_point
  //   waiting    stop is asleep or polling and not woken, or running, and the
  //              kernel has it asleep for good (all_sleep())
  //   woken      stop is woken; or asleep or polling, and woken
  //   finished   it has been reaped
  //
  // take_step() breaks the invariant for one process, `moving_`, and settle()
  // restores it: note_stops() and note_ends() take over what the boxes and the
  // pidfds say. all_sleep() looks at the processes that are in a system call.
  // ask_pollers() lets each process that waits for a descriptor look at it,
  // since the step may have made it ready. open_gate() lets a process run;
  // end_wait() only marks that it may.
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
  size_t moving_ = 0;  // Whose step this is; size() if it is no process's.
  int time_passed_ = 0;
  BoardMemory board_;
  std::vector<Actor> actors_;
  std::vector<std::pair<pid_t, SleepWatch>> servers_;
  std::vector<std::pair<std::string, std::function<std::string()>>> views_;
  std::vector<std::function<std::string()>> invariants_;
};

}  // namespace ipc
