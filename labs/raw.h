// What the raw programs share and is not their subject: a line of the
// transcript, a child that does not outlive its parent, and the verdict.
//
// A raw program (raw.cc of a lab) tells the lab's story by system calls alone.
// It may use this header, common/base/errors.h, raw_turns.h where the story has
// an order of steps, and nothing else of ours.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <string_view>

#include "common/base/errors.h"

namespace raw {

// Prints "<speaker>: <text>", a whole line by one write(2) so that the lines of
// several processes do not mix.
inline void say(std::string_view speaker, std::string_view text) {
  std::string line;
  line.append(speaker).append(": ").append(text).append("\n");
  ipc::check(ipc::retry([&] {
               return ::write(STDOUT_FILENO, line.data(), line.size());
             }),
             "write");
}

// What a child does after fork(2): has its name, for ps(1) and for whoever
// explains a hang; is killed by the kernel once its parent is dead, which
// `parent` may be already (PR_SET_PDEATHSIG in prctl(2)); plays its role, and
// ends. It never returns: what is on the parent's stack is not the child's to
// unwind. An exception becomes a line on standard error and exit status 1.
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

// Runs the lesson and says how it went, as all labs do: the reason why it
// failed, or "". Returns the exit status of the program.
template <typename Lesson>
int run(Lesson lesson) {
  std::string why_not;
  try {
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
  return why_not.empty() ? 0 : 1;
}

// Removes a folder and the files in it, as far as that can be done.
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

// The same for a lesson that needs files: lesson(folder) has one of its own in
// /tmp, in which it makes no others. Main is a child here. The first process
// waits for its end, or for Ctrl-C or SIGTERM, and removes the folder when
// nobody is left who could write into it. Only SIGKILL to the first process
// leaves the folder behind.
template <typename Lesson>
int run_in_folder(Lesson lesson) {
  const auto fail = [](const char* call) {
    const int error = errno;
    return run([&]() -> std::string { ipc::throw_error(error, call); });
  };
  std::string folder = "/tmp/ipc-labs-raw-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return fail("mkdtemp");
  struct sigaction ends_only {};  // Nobody's stopping is a SIGCHLD.
  ends_only.sa_flags = SA_NOCLDSTOP;
  ::sigaction(SIGCHLD, &ends_only, nullptr);
  sigset_t awaited;
  sigset_t before;
  ::sigemptyset(&awaited);
  for (const int number : {SIGCHLD, SIGINT, SIGTERM}) {
    ::sigaddset(&awaited, number);
  }
  ::sigprocmask(SIG_BLOCK, &awaited, &before);
  // Whoever loses its parent becomes our child, so we can wait for it.
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
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  // With Main dead, the kernel kills its children.
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
