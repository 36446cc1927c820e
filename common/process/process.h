// A child process that runs one function, or another program; after Python's
// multiprocessing.Process with the "fork" start method, and subprocess.Popen.
//
//   ipc::Process worker("Worker 1", [&] { work(); });
//   if (worker.join() != 0) ...
//   ipc::Process program = ipc::Process::spawn("Sort", {"/usr/bin/sort"});
//
// Lifetime: the destructor kills a child that was not joined and reaps it, so
//           an exception in the parent leaves neither an orphan nor a zombie.
//           A child is also killed if the thread that made it ends first, and
//           therefore if the parent dies: PR_SET_PDEATHSIG. See Threads.
// Cost:     fork(2) copies the page tables, so its cost grows with the memory
//           of the parent: tens of milliseconds for each GiB. That of spawn()
//           does not.
// Errors:   std::system_error if fork(2) or pidfd_open(2) fails, for spawn() if
//           clone(2) or execve(2) fails; then no child has begun its function
//           or program. If an exception leaves the function of a child, the
//           child reports it (see ProcessHooks) and exits with status 1.
// Death:    the child is held by a pidfd, which always means this process and
//           never a stranger that got its number; it is readable once the
//           child has ended. Signals go through it too. For a group there is no
//           pidfd, so it is killed only while its leader is not reaped: if some
//           other code has reaped the leader, the rest of the group is left
//           alone.
// Fork:     the child begins with an empty signal mask and default actions;
//           see reset_signals() for the four signals that stay ignored if they
//           were. The child's copies of its parent's Process objects own
//           nothing: only the parent reaps.
// Signals:  making a process resets SIGCHLD in this process if it is ignored,
//           and clears SA_NOCLDWAIT; either may be inherited. With either, the
//           kernel keeps no status for join().
// Threads:  create processes before threads; see fork(2), "NOTES". This does
//           not hold for spawn(). The kernel ties both kinds of children to the
//           thread that makes them and kills them when it ends, even if the
//           process lives on: make them in a thread that outlives them. Only
//           one thread at a time may use an object.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace ipc {

// The status of a child that some other code reaped with its own wait(2).
inline constexpr int kStatusLost = -1000;

// What a program wants to be done in the processes that it forks. Null by
// default; set them before the fork.
struct ProcessHooks {
  // Called if an exception has left the child's function. Null prints a line on
  // standard error.
  void (*failed)(std::string_view why) = nullptr;
  // Called when the child's function is over and the child is about to exit
  // with `status`; it exits with what this returns.
  int (*ending)(int status) = nullptr;
};
inline constinit ProcessHooks process_hooks;

// Explains what Process::join() returned: "exit status 3", "killed by SIGSEGV".
std::string describe_status(int status);

class Process {
 public:
  enum class Group {
    parents,  // The child gets the signals of the terminal, such as Ctrl-C.
    own,      // The child leads a new group, all of which is killed with it.
  };

  // Forks a child that runs `target` under the name `name`.
  Process(std::string name, const std::function<void()>& target,
          Group group = Group::parents);

  // Starts the program `arguments[0]`, a path, in a child that borrows the
  // parent's memory until its execve(2) and copies nothing. `name` is what the
  // parent calls it. The program gets the environment, and the descriptors that
  // are not close-on-exec; it dies with its parent, unless it is set-user-ID.
  // Blocks: until execve(2) has succeeded or failed; a failure is thrown.
  static Process spawn(std::string name,
                       const std::vector<std::string>& arguments,
                       Group group = Group::parents);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Readable when the child has ended; for poll(2). See pidfd_open(2).
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  // Waits for the end of the child and reaps it. Returns its exit status, the
  // negative number of the signal that killed it, or kStatusLost. May be
  // repeated. join_until() returns nothing if the deadline comes first.
  // Errors: std::system_error, ECHILD in a process that did not make the child.
  int join() { return *join_until(Deadline::never()); }
  std::optional<int> join_until(Deadline deadline);

  // The same without waiting: the status, or nothing while the child runs.
  std::optional<int> exit_status() { return join_until(Deadline::at_ns(0)); }
  [[nodiscard]] bool is_alive() { return !exit_status().has_value(); }

  // Sends a signal. False if the child has already ended, reaped or not: then
  // no process got the signal.
  bool send_signal(int number);
  bool terminate() { return send_signal(SIGTERM); }
  bool kill() { return send_signal(SIGKILL); }

  // Kills the child and, with Group::own, its group. If the leader of a group
  // has ended, join() kills the rest of the group. Does not wait.
  void kill_group();

 private:
  Process() = default;
  [[noreturn]] void run_child(const std::function<void()>& target) const;
  [[nodiscard]] bool is_ours() const;
  void kill_others_of_group() const;
  void reap_by_force();

  std::string name_;
  pid_t owner_ = -1;  // The process that forked and may reap.
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  Group group_ = Group::parents;
  std::optional<int> status_;
};

// Waits until one of the processes has ended or `fd`, unless it is -1, can be
// read. Returns the index of the process, or processes.size() for `fd`. The
// caller still has to join the process. Like Python's
// multiprocessing.connection.wait() on sentinels.
size_t wait_any(std::span<const Process> processes, int fd = -1);

// Whether this process has a child, alive or not, no matter which code made it.
bool has_children();

// Kills and reaps all descendants of this process, whichever thread has made
// them; returns how many were alive. This process must be a subreaper
// (prctl(2), PR_SET_CHILD_SUBREAPER). The call signals only children of this
// process, and needs neither a descriptor nor /proc: without them it tries
// every process number, which takes about a second.
int kill_descendants();

}  // namespace ipc
