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
//           so if the parent dies: PR_SET_PDEATHSIG. See Threads.
// Cost:     fork(2) copies the page tables, so it grows with the memory of the
//           parent: tens of milliseconds for each GiB. spawn() does not.
// Errors:   std::system_error if fork(2) or pidfd_open(2) fails, for spawn() if
//           clone(2) or execve(2) does; then no child has begun its function or
//           program. A child whose function an exception leaves says so (see
//           ProcessHooks) and exits with status 1.
// Death:    the child is held by a pidfd, which always means this process and
//           never a stranger that got its number; it is readable once the
//           child has ended. Signals go through it too. A group has no such
//           thing, so it is killed only while its leader is not reaped: if some
//           other code has done that, the rest of the group is left alone.
// Fork:     the child begins with an empty signal mask and default actions;
//           see reset_signals() for the four that stay ignored if they are. Its
//           own copy of its parent's Process objects owns nothing: only the
//           parent reaps.
// Signals:  making a process ends the ignoring of SIGCHLD in this process, and
//           SA_NOCLDWAIT, which it may have inherited: with either the kernel
//           keeps no status for join().
// Threads:  create processes before threads; see fork(2), "NOTES". This does
//           not hold for spawn(). The kernel ties both kinds of children to the
//           thread that makes them and kills them when it ends, although the
//           process lives on: make them in a thread that stays as long as they
//           are to. One thread at a time may use an object.
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
// default; set it before.
struct ProcessHooks {
  // An exception has left the child's function. By default that is a line on
  // standard error.
  void (*failed)(std::string_view why) = nullptr;
  // The child has done its work, and is to exit with `status`, or with what
  // this returns.
  int (*ending)(int status) = nullptr;
};
inline constinit ProcessHooks process_hooks;

// Explains what Process::join() returned: "exit status 3", "killed by SIGSEGV".
std::string describe_status(int status);

class Process {
 public:
  enum class Group {
    parents,  // The child gets the signals of the terminal, such as Ctrl-C.
    own,      // The child leads a group, all of which is killed with it.
  };

  // Forks a child that runs `target` under the name `name`.
  Process(std::string name, const std::function<void()>& target,
          Group group = Group::parents);

  // Starts the program `arguments[0]`, a path, in a child that borrows the
  // parent's memory until its execve(2) and copies nothing. `name` is what the
  // parent calls it. It gets the environment, and the descriptors that are not
  // close-on-exec; it dies with its parent, unless it is set-user-ID.
  // Blocks: until execve(2) has succeeded, or has failed and is thrown.
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

  // Waits for the end of the child and reaps it: its exit status, the negative
  // number of the signal that killed it, or kStatusLost. May be repeated.
  int join() { return *join_until(Deadline::never()); }
  std::optional<int> join_until(Deadline deadline);

  // The same without waiting: the status, or nothing while the child runs.
  std::optional<int> exit_status() { return join_until(Deadline::at_ns(0)); }
  [[nodiscard]] bool is_alive() { return !exit_status().has_value(); }

  // Sends a signal; false if the child has ended by then, reaped or not, and
  // then nobody got it.
  bool send_signal(int number);
  bool terminate() { return send_signal(SIGTERM); }
  bool kill() { return send_signal(SIGKILL); }

  // Kills the child and, with Group::own, its group. What is left of a group
  // when its leader has ended is killed by join().
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
// read: the index of the process, or how many there are for `fd`. The process
// is to be joined. Python's multiprocessing.connection.wait() on sentinels.
size_t wait_any(std::span<const Process> processes, int fd = -1);

// Whether this process has a child, alive or not, whoever has made it.
bool has_children();

// Kills and reaps all that descends from this process, which is to be a
// subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), whichever thread has made it;
// how many were alive. It signals nobody but children of this process, and
// needs neither a descriptor nor a /proc: without them it looks at every
// process number, which takes about a second.
int kill_descendants();

}  // namespace ipc
