#include "common/process/process.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <fstream>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/process/process_name.h"
#include "common/process/signals.h"

namespace ipc {
namespace {

// glibc has these calls from 2.36 on; the kernel from 5.1 and 5.3 on.
int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U));
}

int signal_pidfd(int pidfd, int number) {
  return static_cast<int>(
      ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0U));
}

constexpr auto kWaitPidfd = static_cast<idtype_t>(3);  // P_PIDFD, since 5.4.

// __WALL: also children that announce their end by a signal other than SIGCHLD.
constexpr int kLook = WEXITED | WNOHANG | WNOWAIT | __WALL;

// Blocks all signals while it lives: no handler of the parent may run in a
// child that still has the parent's actions.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    ::sigfillset(&all);
    check(::sigprocmask(SIG_SETMASK, &all, &old_), "sigprocmask");
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  NoSignals(NoSignals&&) = delete;
  NoSignals& operator=(NoSignals&&) = delete;
  ~NoSignals() { (void)::sigprocmask(SIG_SETMASK, &old_, nullptr); }

 private:
  sigset_t old_{};
};

// By this signal a parent lets its child begin: if the parent gets no pidfd for
// the child, the child has done nothing. No other process sends the signal, and
// by default it is ignored.
constexpr int kBegin = SIGURG;

// Called in the child, in which all signals are blocked, and which dies with
// its parent.
void await_begin() {
  sigset_t begin;
  ::sigemptyset(&begin);
  ::sigaddset(&begin, kBegin);
  check(retry([&] { return ::sigwaitinfo(&begin, nullptr); }), "sigwaitinfo");
}

// Whether the process that made this one is still alive. A process whose parent
// is outside its pid namespace (unshare(2), CLONE_NEWPID) sees 0.
bool has_parent(pid_t parent) {
  const pid_t now = ::getppid();
  return now == parent || now == 0;
}

// Kills and reaps a child of this process. False if no child has this number,
// which then may belong to a stranger.
bool end_child(pid_t pid, int& killed) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &info, kLook) == -1) return false;
  if (info.si_pid == 0) ++killed;
  ::kill(pid, SIGKILL);
  (void)retry([&] { return ::waitpid(pid, nullptr, __WALL); });
  return true;
}

// The numbers of the children of each thread, if there is a /proc. If that is
// another namespace's, they may be the numbers of other processes.
std::vector<pid_t> listed_children() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream file(task.path() / "children");
    for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  }
  return pids;
}

// Kills all children that can be found; returns how many those were.
int end_children(int& killed) {
  int ended = 0;
  for (const pid_t pid : listed_children()) {
    if (end_child(pid, killed)) ++ended;
  }
  constexpr pid_t kPidMost = 1 << 22;  // The kernel's PID_MAX_LIMIT.
  for (pid_t pid = 1; ended == 0 && pid <= kPidMost; ++pid) {
    if (end_child(pid, killed)) ++ended;
  }
  return ended;
}

// What a child that is to become another program has to know; and `error`,
// which it sets if it fails.
struct Program {
  char* const* arguments;
  pid_t parent;
  bool leads_group;
  int error;
};

// In the child of spawn(), whose memory is its parent's: nothing here allocates
// or throws, and no handler of the parent may run. AddressSanitizer must not
// touch it either: what it marks on this stack would stay marked, because
// execve(2) does not return, and the stack is a part of the parent's.
__attribute__((no_sanitize_address)) int become(void* memory) {
  auto& program = *static_cast<Program*>(memory);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  errno = ESRCH;  // The error if the parent has died, so that no signal comes.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && has_parent(program.parent) &&
      (!program.leads_group || ::setpgid(0, 0) == 0) &&
      ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0) {
    ::execve(program.arguments[0], program.arguments, environ);
  }
  program.error = errno;
  return 1;
}

void tell_failure(const char* why) {
  if (process_hooks.failed != nullptr) return process_hooks.failed(why);
  dprintf(STDERR_FILENO, "%s: failed: %s\n", process_name().c_str(), why);
}

}  // namespace

std::string describe_status(int status) {
  if (status == kStatusLost) return "status lost: reaped by other code";
  if (status >= 0) return "exit status " + std::to_string(status);
  const char* const name = ::sigabbrev_np(-status);
  if (name == nullptr) return "killed by signal " + std::to_string(-status);
  return std::string("killed by SIG") + name;
}

Process::Process(std::string name, const std::function<void()>& target,
                 Group group)
    : name_(std::move(name)), owner_(::getpid()), group_(group) {
  keep_child_statuses();
  const NoSignals no_signals;
  pid_ = check(::fork(), "fork");
  if (pid_ == 0) run_child(target);
  // Parent and child both do it, so that the group exists before either of them
  // continues. It fails only if the child has already gone.
  if (group_ == Group::own) (void)::setpgid(pid_, pid_);
  // Safe although the child may have ended: it is not reaped yet, so its number
  // is not free. See pidfd_open(2), "NOTES".
  try {
    pidfd_.reset(check(open_pidfd(pid_), "pidfd_open"));
    check(signal_pidfd(pidfd_.get(), kBegin), "pidfd_send_signal");
  } catch (...) {
    ::kill(pid_, SIGKILL);
    (void)retry([&] { return ::waitpid(pid_, nullptr, 0); });
    throw;
  }
}

Process Process::spawn(std::string name,
                       const std::vector<std::string>& arguments, Group group) {
  IPC_CHECK(!arguments.empty());
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  Process process;
  process.name_ = std::move(name);
  process.owner_ = ::getpid();
  process.group_ = group;
  Program program{pointers.data(), process.owner_, group == Group::own, 0};
  // For the child, which needs little: execve(2) is a system call.
  alignas(16) std::array<char, 16 << 10> stack;
  keep_child_statuses();
  const NoSignals no_signals;
  int pidfd = -1;
  // CLONE_VFORK: we are suspended until the child has its own memory or has
  // ended, so it may borrow our variables, this stack among them.
  const pid_t pid =
      ::clone(become, stack.data() + stack.size(),
              CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &program, &pidfd);
  const int error = pid == -1 ? errno : program.error;
  if (pid != -1) {
    process.pid_ = pid;
    process.pidfd_.reset(pidfd);
  }
  if (error != 0) throw_error(error, pid == -1 ? "clone" : pointers[0]);
  return process;
}

Process::Process(Process&& other) noexcept { *this = std::move(other); }

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  reap_by_force();
  name_ = std::move(other.name_);
  owner_ = std::exchange(other.owner_, -1);
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  group_ = other.group_;
  status_ = other.status_;
  return *this;
}

Process::~Process() { reap_by_force(); }

void Process::run_child(const std::function<void()>& target) const {
  int status = 1;
  try {
    check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl PR_SET_PDEATHSIG");
    // The parent may have died before the call above; then no signal comes.
    if (!has_parent(owner_)) ::_exit(1);
    if (group_ == Group::own) (void)::setpgid(0, 0);
    await_begin();
    reset_signals();
    name_process(name_);
    event(EventKind::start, name_);
    target();
    status = 0;
  } catch (const std::exception& error) {
    tell_failure(error.what());
  } catch (...) {
    tell_failure("unknown exception");
  }
  event(EventKind::exit, name_);
  if (process_hooks.ending != nullptr) status = process_hooks.ending(status);
  // Not exit(3): the parent's stdio buffers and exit handlers are not ours.
  ::_exit(status);
}

std::optional<int> Process::join_until(Deadline deadline) {
  if (status_) return status_;
  if (owner_ != ::getpid()) throw_error(ECHILD, "join another process's child");
  if (deadline.ns() != 0) event(EventKind::wait, name_);
  pollfd poll_fd{pidfd_.get(), POLLIN, 0};
  while (true) {
    const int ready = ::poll(&poll_fd, 1, deadline.poll_ms());
    if (ready == 1) break;
    if (ready == -1 && errno != EINTR) throw_error(errno, "poll pidfd");
    if (deadline.expired()) return std::nullopt;
  }
  if (deadline.ns() != 0) event(EventKind::wake, name_);
  kill_others_of_group();
  siginfo_t info{};
  const int result = retry([&] {
    return ::waitid(kWaitPidfd, static_cast<id_t>(pidfd_.get()), &info,
                    WEXITED);
  });
  if (result == -1 && errno == ECHILD) return status_ = kStatusLost;
  check(result, "waitid");
  status_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  return status_;
}

bool Process::send_signal(int number) {
  if (status_ || !pidfd_) return false;
  // Sending a signal to a zombie succeeds, but no process gets it.
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (check(retry([&] { return ::poll(&ended, 1, 0); }), "poll pidfd") == 1) {
    return false;
  }
  if (signal_pidfd(pidfd_.get(), number) == 0) return true;
  if (errno != ESRCH) throw_error(errno, "pidfd_send_signal");
  return false;
}

void Process::kill_group() {
  if (status_ || !pidfd_) return;
  kill_others_of_group();
  (void)signal_pidfd(pidfd_.get(), SIGKILL);
}

// Whether the child, dead or alive, is still this process's to reap.
bool Process::is_ours() const {
  siginfo_t info{};
  return ::waitid(kWaitPidfd, static_cast<id_t>(pidfd_.get()), &info, kLook) ==
         0;
}

// The number of a group is its own until its leader is reaped. After that it
// may be a stranger's.
void Process::kill_others_of_group() const {
  if (group_ == Group::own && is_ours()) (void)::kill(-pid_, SIGKILL);
}

void Process::reap_by_force() {
  if (!pidfd_ || status_ || owner_ != ::getpid()) return;
  kill_group();
  (void)retry([&] {
    siginfo_t info{};
    return ::waitid(kWaitPidfd, static_cast<id_t>(pidfd_.get()), &info,
                    WEXITED);
  });
}

size_t wait_any(std::span<const Process> processes, int fd) {
  std::vector<pollfd> polls;
  for (const Process& process : processes) {
    polls.push_back({process.pidfd(), POLLIN, 0});
  }
  polls.push_back({fd, POLLIN, 0});  // poll(2) ignores -1.
  check(retry([&] { return ::poll(polls.data(), polls.size(), -1); }), "poll");
  const auto ready = std::find_if(polls.begin(), polls.end(),
                                  [](pollfd p) { return p.revents != 0; });
  return static_cast<size_t>(ready - polls.begin());
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, kLook) == 0;
}

int kill_descendants() {
  int killed = 0;
  // Each round ends at least one process, or makes its children ours.
  while (has_children()) {
    if (end_children(killed) == 0) break;
  }
  return killed;
}

}  // namespace ipc
