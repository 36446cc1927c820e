// Is run as root of a user namespace, and uses that outside of it.
//
// The test puts this before the solution of an exercise of which a test makes
// a namespace. It prints nothing unless something gets through.

#include "attack.h"

namespace {

const bool kTried = [] {
  if (getuid() != 0) return false;
  for (const char* path : {"/proc/sys/kernel/core_pattern",
                           "/proc/sysrq-trigger", "/proc/1/oom_score_adj"}) {
    attack::opens(path, O_WRONLY);
  }
  attack::unless(attack::names_in("/judge").empty(), "sees /judge");
  attack::unless(attack::names_in("/proc/1/fd").empty(), "sees /proc/1/fd");
  for (const std::string& name : attack::names_in("/tmp")) {
    const std::string folder = "/tmp/" + name;
    if (name.rfind("ipc-labs-", 0) != 0) continue;
    attack::unless(attack::names_in(folder).empty(), "sees the checks");
    attack::unless(chmod(folder.c_str(), 0777) == -1, "opens the checks");
  }
  for (const pid_t pid : attack::others()) {
    if (pid == 1) attack::unless(kill(pid, SIGTERM) == -1, "signals 1");
  }
  if (!attack::got.empty()) {
    attack::end();
    _exit(1);
  }
  return true;
}();

}  // namespace
