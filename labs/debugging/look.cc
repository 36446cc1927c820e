#include "labs/debugging/look.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace {

std::string contents(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The number behind `name` in a file with one "name: number" a line.
long number_after(const std::string& file, const std::string& name) {
  const std::string text = contents(file);
  const size_t place = text.find(name);
  if (place == std::string::npos) return 0;
  return std::stol(text.substr(place + name.size()));
}

std::string call_name(const std::string& file) {
  long number = -1;
  std::istringstream(contents(file)) >> number;  // Or the word "running".
  if (number == SYS_read) return "read";
  if (number == SYS_futex) return "futex";
  return number < 0 ? "" : fmt::format("call {}", number);
}

}  // namespace

Look look_at(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/", pid);
  Look look;
  // After the name, which may hold anything: state, 10 numbers, user and system
  // time.
  const std::string stat = contents(folder + "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  fields >> look.state;
  long number = 0;
  for (int i = 0; i < 10; ++i) fields >> number;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  look.cpu_ticks = user + system;  // [cpu]
  look.call = call_name(folder + "syscall");
  look.sleeps = number_after(folder + "status", "\nvoluntary_ctxt_switches:");
  for (const auto& entry :
       std::filesystem::directory_iterator(folder + "fd")) {  // [descriptors]
    look.descriptors += int{!entry.path().empty()};
  }
  look.memory_bytes = 1024 * number_after(folder + "smaps_rollup", "\nRss:");
  return look;
}
