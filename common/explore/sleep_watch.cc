#include "common/explore/sleep_watch.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <fstream>
#include <utility>

#include "common/process/process_stat.h"

namespace ipc {
namespace {

std::string field(const std::string& file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
  }
  return "";
}

// Whether the process sleeps only for a time, or until its line is printed: no
// other arranged process needs to end that wait.
bool goes_on_by_itself(const std::string& folder) {
  std::ifstream file(folder + "syscall");
  std::string call;
  std::string argument;
  file >> call >> argument;
  if (call == std::to_string(SYS_write)) {
    return argument == "0x1" || argument == "0x2";
  }
  return call == std::to_string(SYS_clock_nanosleep);
}

// If the process and its children sleep: their counts of context switches,
// which grow when they run. "" if one of them does not sleep.
std::string look_at(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/", pid);
  if (field(folder + "status", "State") != "S (sleeping)") return "";
  if (goes_on_by_itself(folder)) return "";
  std::string look = field(folder + "status", "voluntary_ctxt_switches");
  std::ifstream children(fmt::format("{}task/{}/children", folder, pid));
  for (pid_t child = 0; children >> child;) {
    if (has_ended(child)) continue;
    const std::string at = look_at(child);
    if (at.empty()) return "";
    look += " " + at;
  }
  return look;
}

}  // namespace

bool SleepWatch::is_asleep(pid_t pid) {
  const std::string before = std::exchange(last_look_, look_at(pid));
  return !last_look_.empty() && last_look_ == before;
}

}  // namespace ipc
