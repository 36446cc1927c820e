#include "common/test_faults.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "common/errors.h"

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
  ::raise(SIGSTOP);  // The parent goes on from here.
  action();
  ::_exit(0);
}

int wait_for(pid_t pid) {
  int status = 0;
  check(retry([&] { return ::waitpid(pid, &status, 0); }), "waitpid");
  return status;
}

}  // namespace

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

std::string enter_small_disk(const std::string& folder, size_t size_bytes) {
  const auto uid = ::geteuid();
  if (::unshare(CLONE_NEWNS) == -1) {
    // Anybody may have a user namespace, and in it is root.
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1) {
      return fmt::format("no namespaces: {}", ::strerror(errno));
    }
    std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1", uid);
  }
  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  const std::string size = fmt::format("size={}", size_bytes);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) == -1) {
    return fmt::format("no mount: {}", ::strerror(errno));
  }
  return "";
}

}  // namespace ipc
