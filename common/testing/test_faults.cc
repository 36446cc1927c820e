#include "common/testing/test_faults.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <new>
#include <set>
#include <span>
#include <system_error>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/names.h"

int ipc::forks_that_fail = 0;

extern "C" pid_t fork() noexcept {
  if (ipc::forks_that_fail > 0) {
    --ipc::forks_that_fail;
    errno = EAGAIN;
    return -1;
  }
  using Fork = pid_t (*)();
  static const auto real = reinterpret_cast<Fork>(::dlsym(RTLD_NEXT, "fork"));
  return real();
}

namespace ipc {
namespace {

[[noreturn]] void run_traced(const std::function<void()>& action) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) ::_exit(errno);
  ::raise(SIGSTOP);  // From here on the parent traces.
  action();
  ::_exit(0);
}

int wait_for(pid_t pid) {
  int status = 0;
  check(retry([&] { return ::waitpid(pid, &status, 0); }), "waitpid");
  return status;
}

// A system call that can fail, and the error that it then gives.
struct Failing {
  long number;
  const char* name;
  int error;
};

// What happens when memory, descriptors, processes, ports or room are used up.
// Calls that always succeed if they are used correctly are not here. Neither
// are calls that give something back: if one fails, no caller can clean up.
constexpr auto kUsedUp = std::to_array<Failing>({
    {SYS_openat, "openat", EMFILE},
    {SYS_pipe2, "pipe2", EMFILE},
    {SYS_socket, "socket", EMFILE},
    {SYS_socketpair, "socketpair", EMFILE},
    {SYS_accept4, "accept4", EMFILE},
    {SYS_epoll_create1, "epoll_create1", EMFILE},
    {SYS_timerfd_create, "timerfd_create", EMFILE},
    {SYS_signalfd4, "signalfd4", EMFILE},
    {SYS_eventfd2, "eventfd2", EMFILE},
    {SYS_memfd_create, "memfd_create", EMFILE},
    {SYS_inotify_init1, "inotify_init1", EMFILE},
    {SYS_pidfd_open, "pidfd_open", EMFILE},
    {SYS_dup, "dup", EMFILE},
    {SYS_dup3, "dup3", EMFILE},
    {SYS_mmap, "mmap", ENOMEM},
    {SYS_mremap, "mremap", ENOMEM},
    {SYS_brk, "brk", ENOMEM},
    {SYS_mprotect, "mprotect", ENOMEM},
    {SYS_clone, "clone", EAGAIN},
    {SYS_clone3, "clone3", EAGAIN},
    {SYS_epoll_ctl, "epoll_ctl", ENOSPC},
    {SYS_inotify_add_watch, "inotify_add_watch", ENOSPC},
    {SYS_bind, "bind", EADDRINUSE},
    {SYS_listen, "listen", EADDRINUSE},
    {SYS_connect, "connect", EADDRNOTAVAIL},
    {SYS_setsockopt, "setsockopt", ENOBUFS},
    {SYS_getsockopt, "getsockopt", ENOBUFS},
    {SYS_getsockname, "getsockname", ENOBUFS},
    {SYS_getpeername, "getpeername", ENOBUFS},
    {SYS_sendto, "sendto", ENOBUFS},
    {SYS_sendmsg, "sendmsg", ENOBUFS},
    {SYS_fcntl, "fcntl", EMFILE},
    {SYS_flock, "flock", ENOLCK},
    {SYS_fstat, "fstat", ENOMEM},
    {SYS_newfstatat, "newfstatat", ENOMEM},
    {SYS_statx, "statx", ENOMEM},
    {SYS_fstatfs, "fstatfs", ENOMEM},
    {SYS_write, "write", ENOSPC},
    {SYS_ftruncate, "ftruncate", ENOSPC},
    {SYS_fallocate, "fallocate", ENOSPC},
    {SYS_fsync, "fsync", EIO},
    {SYS_fchmod, "fchmod", EPERM},
    {SYS_linkat, "linkat", ENOSPC},
    {SYS_renameat, "renameat", ENOSPC},
    {SYS_mkdirat, "mkdirat", ENOSPC},
#ifdef SYS_fork  // What only older machines have.
    {SYS_fork, "fork", EAGAIN},
    {SYS_vfork, "vfork", EAGAIN},
    {SYS_open, "open", EMFILE},
    {SYS_dup2, "dup2", EMFILE},
    {SYS_link, "link", ENOSPC},
    {SYS_mkdir, "mkdir", ENOSPC},
    {SYS_rename, "rename", ENOSPC},
#endif
});

// What a signal interrupts; see signal(7), "Interruption of system calls".
constexpr auto kInterrupted = std::to_array<Failing>({
    {SYS_read, "read", EINTR},
    {SYS_write, "write", EINTR},
    {SYS_readv, "readv", EINTR},
    {SYS_writev, "writev", EINTR},
    {SYS_recvfrom, "recvfrom", EINTR},
    {SYS_recvmsg, "recvmsg", EINTR},
    {SYS_sendto, "sendto", EINTR},
    {SYS_sendmsg, "sendmsg", EINTR},
    {SYS_accept4, "accept4", EINTR},
    {SYS_ppoll, "ppoll", EINTR},
    {SYS_epoll_pwait, "epoll_pwait", EINTR},
    {SYS_futex, "futex", EINTR},
    {SYS_flock, "flock", EINTR},
    {SYS_fsync, "fsync", EINTR},
    {SYS_fallocate, "fallocate", EINTR},
    {SYS_wait4, "wait4", EINTR},
    {SYS_waitid, "waitid", EINTR},
    {SYS_clock_nanosleep, "clock_nanosleep", EINTR},
#ifdef SYS_poll
    {SYS_poll, "poll", EINTR},
    {SYS_epoll_wait, "epoll_wait", EINTR},
#endif
});

// Whether a descriptor is a file, on a disk or in /proc.
bool is_file(pid_t pid, uint64_t fd) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(
      fmt::format("/proc/{}/fd/{}", pid, fd), ignored);
}

// Whether the call can fail with these arguments.
bool can_fail(const Failing& call, pid_t pid, std::span<const uint64_t> args) {
  if (call.error == EINTR) {
    constexpr uint64_t kWakes = 1;  // FUTEX_WAKE: it never waits,
    if (call.number == SYS_futex) return (args[1] & 0x7FU) != kWakes;
    const bool is_io = call.number == SYS_read || call.number == SYS_write;
    return !is_io || !is_file(pid, args[0]);  // nor does a file.
  }
  switch (call.number) {
    case SYS_fcntl:
      return args[1] == F_DUPFD_CLOEXEC || args[1] == F_DUPFD;
    case SYS_epoll_ctl:
      return args[1] == EPOLL_CTL_ADD;
    case SYS_newfstatat:  // By descriptor. What a name stands for is looked
      return (args[3] & AT_EMPTY_PATH) != 0;  // up to give something back, too.
    case SYS_write:
      return args[0] > STDERR_FILENO && is_file(pid, args[0]);
    default:
      return true;
  }
}

// Skips the call that `pid` is about to make.
void skip_call(pid_t pid) {
#if defined(__x86_64__)
  check(::ptrace(PTRACE_POKEUSER, pid, offsetof(user, regs.orig_rax), -1L),
        "ptrace PTRACE_POKEUSER");
#elif defined(__aarch64__)
  int none = -1;
  iovec part{&none, sizeof none};
  constexpr long kSystemCall = 0x404;  // NT_ARM_SYSTEM_CALL
  check(::ptrace(PTRACE_SETREGSET, pid, kSystemCall, &part),
        "ptrace PTRACE_SETREGSET");
#else
#error "How does a tracer change a system call on this processor?"
#endif
}

// Makes a call of `pid`, at its end, return `error`.
void set_error(pid_t pid, int error) {
#if defined(__x86_64__)
  check(::ptrace(PTRACE_POKEUSER, pid, offsetof(user, regs.rax),
                 static_cast<long>(-error)),
        "ptrace PTRACE_POKEUSER");
#elif defined(__aarch64__)
  user_regs_struct registers{};
  iovec part{&registers, sizeof registers};
  check(::ptrace(PTRACE_GETREGSET, pid, long{NT_PRSTATUS}, &part),
        "ptrace PTRACE_GETREGSET");
  registers.regs[0] = static_cast<uint64_t>(static_cast<int64_t>(-error));
  check(::ptrace(PTRACE_SETREGSET, pid, long{NT_PRSTATUS}, &part),
        "ptrace PTRACE_SETREGSET");
#endif
}

// Everything that an action must leave as it was.
std::vector<std::string> belongings() {
  namespace fs = std::filesystem;
  std::vector<std::string> all;
  std::error_code ignored;
  for (const auto& fd : fs::directory_iterator("/proc/self/fd", ignored)) {
    const std::string is = fs::read_symlink(fd.path(), ignored).string();
    if (is.empty() || is.ends_with("/fd")) continue;  // Of this iteration.
    all.push_back(
        fmt::format("descriptor {}: {}", fd.path().filename().string(), is));
  }
  for (const auto& task : fs::directory_iterator("/proc/self/task", ignored)) {
    std::ifstream children(task.path() / "children");
    for (int pid = 0; children >> pid;) {
      all.push_back(fmt::format("child {}", pid));
    }
    all.emplace_back("a thread");
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("s ") < line.find(" 0")) all.push_back("mapping " + line);
  }
  for (const char* const folder : {"/tmp", "/dev/shm"}) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string path = entry.path().string();
      if (path.find(name_prefix()) == std::string::npos) continue;
      all.push_back("name " + path);
      if (!fs::is_directory(entry.path(), ignored)) continue;
      for (const auto& more :
           fs::recursive_directory_iterator(entry.path(), ignored)) {
        all.push_back("name " + more.path().string());
      }
    }
  }
  sigset_t mask;
  check_zero(::pthread_sigmask(SIG_BLOCK, nullptr, &mask), "pthread_sigmask");
  for (int number = 1; number < NSIG; ++number) {
    if (::sigismember(&mask, number) == 1) {
      all.push_back(fmt::format("a blocked signal {}", number));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::string compare(const std::vector<std::string>& before,
                    const std::vector<std::string>& after) {
  std::vector<std::string> more;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(more));
  std::vector<std::string> less;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(less));
  std::string text;
  for (const std::string& one : more) text += "\n  left behind: " + one;
  for (const std::string& one : less) text += "\n  gone: " + one;
  return text;
}

// One run of a sweep, in the child. It writes what was wrong to `report`.
class Run {
 public:
  // The exit status if the action has thrown; otherwise it is 0.
  static constexpr int kHasThrown = 1;

  Run(const std::function<void()>& action, bool may_throw, int report)
      : action_(action), may_throw_(may_throw), report_(report) {}

  [[noreturn]] void run() {
    ::alarm(static_cast<unsigned>(60 * time_scale()));  // It may hang.
    repeat();  // Creates now what is created at the first use only.
    if (!text_.empty()) text_ = "\n  and without any failure:" + text_;
    const auto before = belongings();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) ::_exit(errno);
    ::raise(SIGSTOP);  // From here on calls are counted,
    attempt();
    ::raise(SIGSTOP);  // and up to here.
    text_ += compare(before, belongings());
    repeat();
    text_ += compare(before, belongings());
    (void)!::write(report_, text_.data(), text_.size());
    ::_exit(has_thrown_ ? kHasThrown : 0);
  }

 private:
  void attempt() {
    try {
      action_();
    } catch (const std::system_error& failure) {
      has_thrown_ = true;
      if (!may_throw_) text_ += fmt::format("\n  throws {}", failure.what());
    } catch (const std::bad_alloc&) {
      has_thrown_ = true;
    } catch (const std::exception& failure) {
      text_ += fmt::format("\n  throws something else: {}", failure.what());
    }
  }

  void repeat() {
    try {
      action_();
    } catch (const std::exception& failure) {
      text_ += fmt::format("\n  fails without a cause: {}", failure.what());
    }
  }

  const std::function<void()>& action_;
  bool may_throw_;
  int report_;
  bool has_thrown_ = false;
  std::string text_;
};

// Lets the traced child run to its next stop; its own signals reach it.
int go_on(pid_t pid, int status, bool is_first) {
  const int signal = WSTOPSIG(status);
  const bool is_ours = is_first || (signal & 0x7F) == SIGTRAP;
  check(::ptrace(PTRACE_SYSCALL, pid, nullptr,
                 is_ours ? 0L : static_cast<long>(signal)),
        "ptrace PTRACE_SYSCALL");
  return wait_for(pid);
}

// Follows a run and makes the `turn`-th call that can fail do so. Returns that
// call, or null if there were fewer. `status` becomes that of the child.
const Failing* follow(pid_t pid, std::span<const Failing> calls, int turn,
                      int& status) {
  constexpr int kCallStop = SIGTRAP | 0x80;
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr,
           PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  const Failing* failed = nullptr;
  bool is_at_failed = false;
  for (bool is_first = true;; is_first = false) {
    status = go_on(pid, status, is_first);
    if (!WIFSTOPPED(status)) return failed;
    if (WSTOPSIG(status) == SIGSTOP) break;
    if (WSTOPSIG(status) != kCallStop) continue;
    if (is_at_failed) set_error(pid, failed->error);
    is_at_failed = false;
    if (turn == 0) continue;
    __ptrace_syscall_info info{};
    check(::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info),
          "ptrace PTRACE_GET_SYSCALL_INFO");
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    const auto call =
        std::find_if(calls.begin(), calls.end(), [&](const Failing& one) {
          return static_cast<uint64_t>(one.number) == info.entry.nr;
        });
    if (call == calls.end() || !can_fail(*call, pid, info.entry.args)) continue;
    if (--turn > 0) continue;
    failed = &*call;
    skip_call(pid);
    is_at_failed = true;
  }
  check(::ptrace(PTRACE_DETACH, pid, nullptr, nullptr), "ptrace PTRACE_DETACH");
  status = wait_for(pid);
  return failed;
}

std::string read_report(int fd) {
  std::string text;
  std::array<char, 4096> piece;
  while (true) {
    const ssize_t length = check(
        retry([&] { return ::read(fd, piece.data(), piece.size()); }), "read");
    if (length == 0) return text;
    text.append(piece.data(), static_cast<size_t>(length));
  }
}

Sweep sweep(const std::function<void()>& action, std::span<const Failing> calls,
            bool may_throw) {
  (void)name_prefix();  // One for all runs.
  Sweep result;
  for (int turn = 1;; ++turn) {
    std::array<int, 2> ends{};
    check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const pid_t pid = check(::fork(), "fork");
    if (pid == 0) Run(action, may_throw, writer.get()).run();
    writer.reset();
    int status = wait_for(pid);
    if (WIFEXITED(status)) throw_error(WEXITSTATUS(status), "ptrace");
    const Failing* const failed = follow(pid, calls, turn, status);
    std::string found = read_report(reader.get());
    if (WIFEXITED(status) && WEXITSTATUS(status) > Run::kHasThrown) {
      found += fmt::format("\n  ends the process with {}", WEXITSTATUS(status));
    }
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      found += signal == SIGALRM ? "\n  hangs"
                                 : fmt::format("\n  dies of signal {}", signal);
    }
    if (!found.empty()) {
      result.trouble +=
          failed == nullptr
              ? fmt::format("without a failure:{}\n", found)
              : fmt::format("{} {} fails with {}:{}\n", turn, failed->name,
                            ::strerrorname_np(failed->error), found);
    }
    if (failed == nullptr) return result;
    ++result.failures;
    if (WIFEXITED(status) && WEXITSTATUS(status) == Run::kHasThrown)
      ++result.exceptions;
  }
}

}  // namespace

Sweep fail_each_call(const std::function<void()>& action) {
  return sweep(action, kUsedUp, true);
}

Sweep interrupt_each_call(const std::function<void()>& action) {
  return sweep(action, kInterrupted, false);
}

namespace {

// The descriptors of `pid` that stay open when it becomes another program.
std::set<std::string> without_close_on_exec(pid_t pid) {
  namespace fs = std::filesystem;
  std::set<std::string> found;
  std::error_code ignored;
  const fs::path process = fmt::format("/proc/{}", pid);
  for (const auto& fd : fs::directory_iterator(process / "fdinfo", ignored)) {
    std::ifstream info(fd.path());
    std::string word;
    unsigned flags = O_CLOEXEC;  // If it is closed by now.
    while (info >> word && word != "flags:") {
    }
    info >> std::oct >> flags;
    if ((flags & O_CLOEXEC) != 0) continue;
    const fs::path name = fd.path().filename();
    found.insert(
        fmt::format("{} ({})\n", name.string(),
                    fs::read_symlink(process / "fd" / name, ignored).string()));
  }
  return found;
}

}  // namespace

std::string left_to_programs(const std::function<void()>& action) {
  const pid_t pid = check(::fork(), "fork");
  if (pid == 0) {
    action();  // What libraries open at the first use (OpenSSL) is not counted.
    run_traced(action);
  }
  int status = wait_for(pid);
  if (WIFEXITED(status)) throw_error(WEXITSTATUS(status), "ptrace");
  constexpr int kCallStop = SIGTRAP | 0x80;
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr,
           PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  const std::set<std::string> inherited = without_close_on_exec(pid);
  std::set<std::string> found;
  for (bool is_first = true; WIFSTOPPED(status); is_first = false) {
    status = go_on(pid, status, is_first);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != kCallStop) continue;
    found.merge(without_close_on_exec(pid));
  }
  std::string text;
  for (const std::string& one : found) {
    if (!inherited.contains(one)) text += one;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    text += fmt::format("and it ended with {}\n", status);
  }
  return text;
}

bool killed_at(int stop, const std::function<void()>& action) {
  const pid_t pid = check(::fork(), "fork");
  if (pid == 0) run_traced(action);
  int status = wait_for(pid);
  if (WIFEXITED(status)) throw_error(WEXITSTATUS(status), "ptrace");
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL);
  for (int i = 0; i < stop; ++i) {
    // The signals of the child are its own, except the first one.
    const long number = i == 0 || WSTOPSIG(status) == SIGTRAP
                            ? 0
                            : static_cast<long>(WSTOPSIG(status));
    check(::ptrace(PTRACE_SYSCALL, pid, nullptr, number), "ptrace");
    status = wait_for(pid);
    if (!WIFSTOPPED(status)) return false;
  }
  ::kill(pid, SIGKILL);
  wait_for(pid);
  return true;
}

namespace {

// Moves this process to new namespaces, of `flags`. Returns "" or why not.
std::string enter_namespaces(int flags) {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(flags) == 0) return "";
  // Any user may create a user namespace, and is root in it.
  if (::unshare(CLONE_NEWUSER | flags) == -1) {
    return fmt::format("no namespaces: {}", ::strerror(errno));
  }
  std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1", uid);
  // Without a group that is mapped there, creating a file fails: EOVERFLOW.
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/gid_map") << fmt::format("0 {} 1", gid);
  return "";
}

std::string enter_own_mounts() {
  std::string problem = enter_namespaces(CLONE_NEWNS);
  if (problem.empty()) {
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  }
  return problem;
}

}  // namespace

std::string enter_small_disk(const std::string& folder, size_t size_bytes) {
  std::string problem = enter_own_mounts();
  if (!problem.empty()) return problem;
  const std::string size = fmt::format("size={}", size_bytes);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) == -1) {
    return fmt::format("no mount: {}", ::strerror(errno));
  }
  return "";
}

std::string enter_own_network() {
  std::string problem = enter_namespaces(CLONE_NEWNET);
  if (problem.empty()) set_loopback(true);
  return problem;
}

void set_loopback(bool on) {
  const UniqueFd fd(
      check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  ::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  check(::ioctl(fd.get(), SIOCGIFFLAGS, &request), "ioctl SIOCGIFFLAGS");
  const int flags = request.ifr_flags;
  request.ifr_flags =
      static_cast<int16_t>(on ? flags | IFF_UP : flags & ~IFF_UP);
  check(::ioctl(fd.get(), SIOCSIFFLAGS, &request), "ioctl SIOCSIFFLAGS");
}

std::string replace_in_view(const std::string& path,
                            const std::string& content) {
  std::string problem = enter_own_mounts();
  if (!problem.empty()) return problem;
  const TempDir folder;
  const std::string copy = folder.file("copy");
  std::ofstream(copy) << content;
  if (::mount(copy.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == -1) {
    return fmt::format("no mount: {}", ::strerror(errno));
  }
  return "";
}

}  // namespace ipc
