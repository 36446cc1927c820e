// What the raw programs share and is not their subject: a line of the
// transcript, a child that does not outlive its parent, and the verdict.
//
// A raw program (raw.cc of a lab) tells the lab's story by system calls alone.
// It may use this header, common/base/errors.h, raw_turns.h where the story has
// an order of steps, and nothing else of ours.
#pragma once

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
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
  say("Main", why_not.empty() ? "PASS" : "FAIL " + why_not);
  return why_not.empty() ? 0 : 1;
}

}  // namespace raw
