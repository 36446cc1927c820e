#include "common/memory/available_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <sstream>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace ipc {
namespace {

constexpr size_t kLookedAtBytes = size_t{1} << 20U;
constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

// The content of a file; empty if there is none. Not by std::ifstream: another
// thread may start a program meanwhile, which would inherit the descriptor.
std::istringstream contents(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> piece;
  for (ssize_t size = 1; fd && size > 0;) {
    size = retry([&] { return ::read(fd.get(), piece.data(), piece.size()); });
    if (size > 0) text.append(piece.data(), static_cast<size_t>(size));
  }
  return std::istringstream(text);
}

// The number behind `key` in a file of "key number" or "key: number kB".
size_t field(const std::string& path, const std::string& key) {
  std::istringstream file = contents(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    size_t number = 0;
    if (words >> name >> number && (name == key || name == key + ":")) {
      return number;
    }
  }
  return 0;
}

// The number that a file consists of; nothing for "max" or without a file.
std::optional<size_t> number_in(const std::string& path) {
  std::istringstream file = contents(path);
  size_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// The names that versions 1 and 2 of cgroups have for the same files.
struct Names {
  const char* folder;
  const char* limit;
  const char* usage;
  const char* caches[2];
};
constexpr Names kFirst{"/sys/fs/cgroup/memory",
                       "memory.limit_in_bytes",
                       "memory.usage_in_bytes",
                       {"total_inactive_file", "total_active_file"}};
constexpr Names kSecond{"/sys/fs/cgroup",
                        "memory.max",
                        "memory.current",
                        {"inactive_file", "active_file"}};

// What is left in one cgroup.
size_t left_in(const std::string& folder, const Names& names) {
  const auto limit = number_in(folder + "/" + names.limit);
  const auto usage = number_in(folder + "/" + names.usage);
  if (!limit || !usage) return kNoLimit;
  size_t used = *usage;
  for (const char* const cache : names.caches) {
    used -= std::min(used, field(folder + "/memory.stat", cache));
  }
  return *limit - std::min(*limit, used);
}

// The least that is left in the cgroup `path` and in all cgroups above it. In a
// container the path may be that of the host, and the container's own cgroup is
// then the one that is mounted.
size_t left_up_from(const std::string& root, std::string path,
                    const Names& names) {
  const std::string folder = root + names.folder;
  size_t left = left_in(folder, names);
  while (path.size() > 1) {
    left = std::min(left, left_in(std::string(folder).append(path), names));
    path.resize(path.rfind('/'));
  }
  return left;
}

}  // namespace

size_t available_memory(const std::string& root) {
  const std::string meminfo = root + "/proc/meminfo";
  size_t left =
      (field(meminfo, "MemAvailable") + field(meminfo, "SwapFree")) * 1024;
  if (left == 0) left = kNoLimit;  // Not known without /proc.
  // "7:memory:/a/b" in version 1 of cgroups, "0::/a/b" in version 2.
  std::istringstream groups = contents(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t path = line.find(":/");
    if (path == std::string::npos) continue;
    const std::string kinds = line.substr(0, path + 1);
    const Names* names = nullptr;
    if (kinds.find(":memory:") != std::string::npos) names = &kFirst;
    if (kinds == "0::") names = &kSecond;
    if (names == nullptr) continue;
    left = std::min(left, left_up_from(root, line.substr(path + 1), *names));
  }
  return left;
}

void check_available(size_t size_bytes, const char* what) {
  if (size_bytes <= kLookedAtBytes) return;
  const size_t available = available_memory();
  if (size_bytes <= available) return;
  const std::string call = std::string(what) + " of " +
                           std::to_string(size_bytes) + " bytes, " +
                           std::to_string(available) + " available";
  throw_error(ENOMEM, call.c_str());
}

}  // namespace ipc
