#include "labs/containers/memory_group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/names.h"

namespace {

namespace fs = std::filesystem;
using ipc::check;

// Returns 0, or the errno of what failed.
int try_write(const std::string& path, const std::string& text) {
  const ipc::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  const ssize_t size =
      ipc::retry([&] { return ::write(file.get(), text.data(), text.size()); });
  return size == -1 ? errno : 0;
}

// Where groups with a limit of memory may be, and in which version.
struct Hierarchy {
  std::string root;   // Where it is mounted.
  std::string group;  // Of this process, below `root`.
  bool is_version_2 = false;

  [[nodiscard]] std::vector<std::string> places() const {
    const fs::path own = fs::path(root + group).lexically_normal();
    std::vector<std::string> found{own.string()};
    if (own != fs::path(root).lexically_normal()) {
      found.push_back(own.parent_path().string());
    }
    return found;
  }
};

bool is_file_system(const char* path, long magic) {
  struct statfs status {};
  return ::statfs(path, &status) == 0 && status.f_type == magic;
}

// The lines of /proc/self/cgroup are "4:memory:/group", and "0::/group" for
// version 2, which controls memory unless version 1 does.
std::optional<Hierarchy> find_hierarchy() {
  std::ifstream lines("/proc/self/cgroup");
  std::optional<Hierarchy> found;
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers =
        "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers.find(",memory,") != controllers.npos) {
      return Hierarchy{"/sys/fs/cgroup/memory", group, false};
    }
    if (controllers == ",," &&
        is_file_system("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC)) {
      found = Hierarchy{"/sys/fs/cgroup", group, true};
    }
  }
  return found;
}

}  // namespace

std::unique_ptr<MemoryGroup> MemoryGroup::make(size_t limit_bytes,
                                               std::string& why_not) {
  const auto hierarchy = find_hierarchy();
  if (!hierarchy) {
    why_not = "no control groups are mounted that control memory";
    return nullptr;
  }
  const bool is_version_2 = hierarchy->is_version_2;
  const std::string limit = std::to_string(limit_bytes);
  for (const std::string& place : hierarchy->places()) {
    const std::string path = place + "/" + ipc::unique_name("memory");
    if (::mkdir(path.c_str(), 0755) == -1) {
      why_not =
          "mkdir in " + place + ": " + std::generic_category().message(errno);
      continue;
    }
    std::unique_ptr<MemoryGroup> group(new MemoryGroup(path, is_version_2));
    const std::string file =
        path + (is_version_2 ? "/memory.max" : "/memory.limit_in_bytes");
    const int error = try_write(file, limit);
    if (error != 0) {
      why_not = file + ": " + std::generic_category().message(error);
      continue;
    }
    // The group may not swap either, where there is swap.
    (void)(is_version_2
               ? try_write(path + "/memory.swap.max", "0")
               : try_write(path + "/memory.memsw.limit_in_bytes", limit));
    const int refused = group->try_to_enter();
    if (refused == 0) return group;
    why_not = path + ": " + std::generic_category().message(refused);
  }
  return nullptr;
}

MemoryGroup::MemoryGroup(std::string path, bool is_version_2)
    : path_(std::move(path)), is_version_2_(is_version_2), owner_(::getpid()) {}

MemoryGroup::~MemoryGroup() {
  if (owner_ == ::getpid()) ::rmdir(path_.c_str());
}

// Tries whether this process may enter the group: it may not if a group above
// both belongs to another user. A child tries, since it cannot go back. Returns
// 0, or the errno of what failed.
int MemoryGroup::try_to_enter() const {
  const pid_t child = check(::fork(), "fork");
  if (child == 0) ::_exit(try_write(path_ + "/cgroup.procs", "0"));
  int status = 0;
  check(ipc::retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

void MemoryGroup::enter() const {
  const std::string file = path_ + "/cgroup.procs";
  const int error = try_write(file, "0");
  if (error != 0) ipc::throw_error(error, file.c_str());
}

int MemoryGroup::kill_count() const {
  std::ifstream events(
      path_ + (is_version_2_ ? "/memory.events" : "/memory.oom_control"));
  std::string word;
  for (int count = 0; events >> word >> count;) {
    if (word == "oom_kill") return count;
  }
  return 0;
}

void remove_memory_groups() {
  const auto hierarchy = find_hierarchy();
  if (!hierarchy) return;
  for (const std::string& place : hierarchy->places()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(place, ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(ipc::name_prefix())) {
        ::rmdir(entry.path().c_str());
      }
    }
  }
}
