#include "common/names.h"

#include <fmt/core.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <system_error>

#include "common/errors.h"

namespace ipc {
namespace {

std::string make_prefix() {
  uint32_t random = 0;
  check(::getrandom(&random, sizeof random, 0), "getrandom");
  return fmt::format("ipc-labs-{}-{:08x}", ::getpid(), random);
}

std::string& prefix() {
  static std::string prefix = make_prefix();
  return prefix;
}

}  // namespace

const std::string& name_prefix() { return prefix(); }

void begin_run() { prefix() = make_prefix(); }

std::string unique_name(std::string_view what) {
  static int counter = 0;
  // The process number: a forked child has a copy of the counter.
  return fmt::format("{}-{}-{}-{}", name_prefix(), ::getpid(), ++counter, what);
}

int remove_names() {
  namespace fs = std::filesystem;
  int removed = 0;
  for (const char* const folder : {"/tmp", "/dev/shm"}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (!entry.path().filename().string().starts_with(name_prefix())) {
        continue;
      }
      fs::remove_all(entry.path(), ignored);
      ++removed;
    }
  }
  return removed;
}

TempDir::TempDir(std::string_view what)
    : path_("/tmp/" + unique_name(what)), owner_(::getpid()) {
  check(::mkdir(path_.c_str(), 0700), "mkdir");
}

TempDir::~TempDir() {
  if (owner_ != ::getpid()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::file(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

}  // namespace ipc
