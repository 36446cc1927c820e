#include "inventory.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>

#include "common/process/names.h"
#include "common/report/report.h"

namespace {

namespace fs = std::filesystem;

int count_names() {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/dev/shm")) {
    const std::string name = entry.path().filename();
    count += int{name.starts_with(ipc::name_prefix())};
  }
  return count;
}

// In /proc/PID/stat, behind the name in parentheses: state and parent.
bool is_our_zombie(const fs::path& folder) {
  std::string stat;
  std::getline(std::ifstream(folder / "stat"), stat);
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return false;
  const std::string parent = " " + std::to_string(::getpid()) + " ";
  return stat.substr(name_end + 2).starts_with("Z" + parent);
}

int count_zombies() {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    count += int{is_our_zombie(entry.path())};
  }
  return count;
}

// What each descriptor of a process stands for, such as "pipe:[4711]".
std::map<int, std::string> descriptors_of(const std::string& pid) {
  std::map<int, std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc/" + pid + "/fd")) {
    std::error_code closed;  // The descriptor of this folder, by then.
    found[std::stoi(entry.path().filename())] =
        fs::read_symlink(entry.path(), closed);
  }
  return found;
}

}  // namespace

Inventory take_inventory() {
  const size_t open = descriptors_of("self").size();
  return {count_names(), static_cast<int>(open), count_zombies()};
}

bool say_inventory(const char* when, const Inventory& before) {
  const Inventory now = take_inventory();
  ipc::say("{}: names {}, descriptors {}, zombies {}", when,
           now.names - before.names, now.descriptors - before.descriptors,
           now.zombies - before.zombies);
  return now == before;
}

int count_ends(pid_t pid, int fd) {
  const std::string pipe = descriptors_of("self").at(fd);
  int count = 0;
  for (const auto& [number, target] : descriptors_of(std::to_string(pid))) {
    count += int{number > 2 && target == pipe};
  }
  return count;
}
