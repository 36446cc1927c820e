// What all raw programs need but do not teach: printing a line of the
// transcript, a child that does not outlive its parent, and the verdict.
//
// A raw program (raw.cc of a lab) tells the lab's story by system calls alone.
// It may use this header, common/base/errors.h, and raw_turns.h if the order of
// the steps matters, but nothing else of this project.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "common/report/wrong_variant.h"

namespace raw {

// Prints "<speaker>: <text>", the whole line with one write(2), so that lines
// of several processes do not mix. If only a part of it has room, as on a disk
// that is almost full, a second write(2) follows and throws what has failed.
inline void say(std::string_view speaker, std::string_view text) {
  std::string line;
  line.append(speaker).append(": ").append(text).append("\n");
  for (std::string_view rest = line; !rest.empty();) {
    const auto write = [&] {
      return ::write(STDOUT_FILENO, rest.data(), rest.size());
    };
    rest.remove_prefix(
        static_cast<size_t>(ipc::check(ipc::retry(write), "write")));
  }
}

// Repairs what this process may have inherited from its parent. A standard
// stream that is closed becomes /dev/null, because the next file to be opened
// would get its number. SIGCHLD is no longer ignored, because the kernel keeps
// the exit status of a child only for a parent that does not ignore it.
inline void mend_inheritance() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (ipc::retry([&] { return ::fcntl(fd, F_GETFD); }) != -1) continue;
    ipc::check(ipc::retry([] { return ::open("/dev/null", O_RDWR); }), "open");
  }
  ::signal(SIGCHLD, SIG_DFL);
}

// The signals that end a program from outside.
constexpr std::array kEnding{SIGHUP,  SIGINT,  SIGQUIT,
                             SIGPIPE, SIGTERM, SIGXFSZ};

// Whether this program was started with the signal ignored, as nohup(1) does
// with SIGHUP: then the signal is not to end it.
inline bool is_ignored(int number) {
  struct sigaction action {};
  ipc::check(::sigaction(number, nullptr, &action), "sigaction");
  return action.sa_handler == SIG_IGN;
}

// Lets the first such signal call `handler`, unless the signal is ignored. The
// handler removes what would be left behind, and then calls raise(3): the
// signal is pending until the handler returns, and then ends the process.
inline void at_end(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : kEnding) {
    if (is_ignored(number)) continue;
    ipc::check(::sigaction(number, &action, nullptr), "sigaction");
  }
}

// What a child does after fork(2). It sets its name, which ps(1) and the
// explanation of a hang show. It asks the kernel to kill it when its parent
// dies (PR_SET_PDEATHSIG in prctl(2)), and ends at once if `parent` is already
// dead. It plays its role, and exits without unwinding the parent's stack. An
// exception becomes a line on standard error and exit status 1.
template <typename Role>
[[noreturn]] void be_child(const char* name, pid_t parent, Role role) {
  try {
    ipc::check(::prctl(PR_SET_NAME, name), "prctl");
    ipc::check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    if (::getppid() != parent) ::_exit(1);
    role();
  } catch (const std::exception& error) {
    ::dprintf(STDERR_FILENO, "%s: failed: %s\n", name, error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

// Runs the lesson as Main, and prints PASS or FAIL, as all labs do. The lesson
// returns why it failed, or "". Returns the exit status of the program.
template <typename Lesson>
int run(Lesson lesson) {
  std::string why_not;
  try {
    mend_inheritance();
    ::prctl(PR_SET_NAME, "Main");
    why_not = lesson();
  } catch (const std::exception& error) {
    why_not = error.what();
  }
  try {
    say("Main", why_not.empty() ? "PASS" : "FAIL " + why_not);
  } catch (const std::exception& error) {  // A full disk, for example.
    ::dprintf(STDERR_FILENO, "Main: failed: %s\n", error.what());
    return 1;
  }
  if (why_not.empty()) ipc::tell_if_wrong();
  return why_not.empty() ? 0 : 1;
}

// Removes a folder and the files in it, as far as possible: errors are ignored.
inline void remove_folder(const char* path) {
  const int folder = ipc::retry(
      [&] { return ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  alignas(dirent64) char entries[4096];
  ssize_t size = 0;
  while ((size = ::getdents64(folder, entries, sizeof entries)) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const dirent64*>(entries + at);
      ::unlinkat(folder, entry->d_name, 0);  // Fails for "." and "..".
      at += entry->d_reclen;
    }
  }
  ::close(folder);
  ::rmdir(path);
}

// Like run(), for a lesson that needs files: lesson(folder) gets a folder of
// its own in /tmp, in which it makes no other folders. Main is a child here.
// The first process waits for Main's end, or for a signal that would end the
// first process itself, and removes the folder when no process is left that
// could write into it. Only SIGKILL to the first process leaves it behind.
template <typename Lesson>
int run_in_folder(Lesson lesson) {
  const auto fail = [](const char* call) {
    const int error = errno;
    return run([&]() -> std::string { ipc::throw_error(error, call); });
  };
  try {
    mend_inheritance();
  } catch (const std::exception& error) {
    return run([&] { return std::string(error.what()); });
  }
  struct sigaction ends_only {};  // A child that stops sends no SIGCHLD.
  ends_only.sa_flags = SA_NOCLDSTOP;
  ::sigaction(SIGCHLD, &ends_only, nullptr);
  sigset_t awaited;
  sigset_t before;
  ::sigemptyset(&awaited);
  ::sigaddset(&awaited, SIGCHLD);
  for (const int number : kEnding) {
    if (!is_ignored(number)) ::sigaddset(&awaited, number);
  }
  ::sigprocmask(SIG_BLOCK, &awaited, &before);
  std::string folder = "/tmp/ipc-labs-raw-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return fail("mkdtemp");
  // A descendant that loses its parent becomes our child: we can wait for it.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t self = ::getpid();
  const pid_t main = ::fork();
  if (main == 0) {
    be_child("Main", self, [&] {
      ::sigprocmask(SIG_SETMASK, &before, nullptr);
      ::_exit(run([&] { return lesson(folder); }));
    });
  }
  int status = main == -1 ? fail("fork") : 0;
  int number = SIGCHLD;
  if (main != -1) {
    number = ipc::retry([&] { return ::sigwaitinfo(&awaited, nullptr); });
    if (number != SIGCHLD) ::kill(main, SIGKILL);
    ipc::retry([&] { return ::waitpid(main, &status, 0); });
    if (WIFSIGNALED(status) && number == SIGCHLD) {  // Main could not say so.
      ::dprintf(STDERR_FILENO, "Main: failed: killed by SIG%s\n",
                ::sigabbrev_np(WTERMSIG(status)));
    }
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  // Main is dead, so the kernel kills its children.
  while (ipc::retry([] { return ::waitpid(-1, nullptr, 0); }) > 0) {
  }
  remove_folder(folder.c_str());
  if (number != SIGCHLD) {
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::raise(number);
  }
  return status;
}

}  // namespace raw
