#include "common/process/names.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/base/random.h"
#include "common/base/unique_fd.h"
#include "common/process/lock_file.h"

namespace ipc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFamily = "ipc-labs-";
constexpr std::string_view kLockSuffix = "-run";

UniqueFd open_tmp() {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  return UniqueFd(check(::open("/tmp", kFlags), "open /tmp"));
}

std::string token;

std::string make_prefix() {
  std::array<char, 9> digits{};
  ::snprintf(digits.data(), digits.size(), "%08" PRIx32,
             random_number<uint32_t>());
  return std::string(kFamily) + std::to_string(::getpid()) + "-" + token +
         digits.data();
}

// A run: its prefix, and the lock that says that it is not over.
class Run {
 public:
  Run()
      : prefix_(make_prefix()),
        lock_path_("/tmp/" + prefix_ + std::string(kLockSuffix)),
        maker_(::getpid()),
        lock_(create_locked(AT_FDCWD, lock_path_)) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  Run(Run&&) = delete;
  Run& operator=(Run&&) = delete;
  ~Run() {
    if (maker_ == ::getpid()) ::unlink(lock_path_.c_str());
  }

  [[nodiscard]] const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
  std::string lock_path_;
  int maker_;
  UniqueFd lock_;  // Children have it too: the run lives as long as they do.
};

// The run of this process. Atomic, because two threads may be the first to ask
// for a name.
std::atomic<Run*> current = nullptr;

void end_run() { delete current.exchange(nullptr); }

const Run& run() {
  if (Run* const begun = current.load()) return *begun;
  static const int registered = std::atexit(end_run);
  check_zero(registered, "atexit");
  auto begun = std::make_unique<Run>();
  Run* other = nullptr;
  if (current.compare_exchange_strong(other, begun.get())) {
    return *begun.release();
  }
  return *other;
}

// "ipc-labs-<pid>-<random>-run"; what unique_name() makes has more parts.
bool is_lock_file(std::string_view name) {
  return name.starts_with(kFamily) && name.ends_with(kLockSuffix) &&
         std::count(name.begin(), name.end(), '-') == 4;
}

// Removes the names of a run except its lock file; returns how many.
int remove_names_of(const std::string& prefix) {
  int removed = 0;
  for (const char* const folder : {"/tmp", "/dev/shm"}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(prefix) || is_lock_file(name)) continue;
      remove_object(name);  // If it is a note: before the note goes.
      if (fs::remove_all(entry.path(), ignored) > 0) ++removed;
    }
  }
  return removed;
}

// The lock files in /tmp.
std::vector<std::string> lock_files() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/tmp", ignored)) {
    std::string name = entry.path().filename().string();
    if (is_lock_file(name)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

void set_run_token(const char* text) {
  const std::string_view wanted = text == nullptr ? "" : text;
  if (wanted.size() == 8 &&
      std::all_of(wanted.begin(), wanted.end(), isalnum)) {
    token = wanted;
  }
}

const std::string& name_prefix() { return run().prefix(); }

void begin_run() {
  end_run();
  (void)run();
}

std::string unique_name(std::string_view what) {
  static std::atomic<int> counter = 0;
  // The process number: a forked child has a copy of the counter.
  return name_prefix() + "-" + std::to_string(::getpid()) + "-" +
         std::to_string(++counter) + "-" + std::string(what);
}

int remove_names() {
  const int removed = remove_names_of(name_prefix());
  end_run();
  return removed;
}

void leave_names() { end_run(); }

int remove_stale_names() {
  const UniqueFd tmp = open_tmp();
  int removed = 0;
  for (const std::string& lock_name : lock_files()) {
    const UniqueFd lock = lock_abandoned(tmp.get(), lock_name);
    if (!lock) continue;
    const size_t length = lock_name.size() - kLockSuffix.size();
    removed += remove_names_of(lock_name.substr(0, length));
    ::unlinkat(tmp.get(), lock_name.c_str(), 0);
  }
  return removed;
}

TempDir::TempDir(std::string_view what)
    : path_("/tmp/" + unique_name(what)), owner_(::getpid()) {
  check(::mkdir(path_.c_str(), 0700), ("mkdir " + path_).c_str());
  // Whatever umask(2) says.
  if (::chmod(path_.c_str(), 0700) == 0) return;
  const int error = errno;
  ::rmdir(path_.c_str());
  throw_error(error, ("chmod " + path_).c_str());
}

TempDir::~TempDir() {
  if (owner_ != ::getpid()) return;
  // An empty folder goes even if there is no descriptor to look into it.
  if (::rmdir(path_.c_str()) == 0) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::file(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

NotedObject::NotedObject(ObjectKind kind)
    : note_(unique_name(draw_note(kind))), owner_(::getpid()) {
  const std::string path = "/tmp/" + note_;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  UniqueFd(check(::open(path.c_str(), kFlags, 0600), ("open " + path).c_str()));
}

NotedObject::~NotedObject() {
  if (owner_ == ::getpid()) {
    remove_object(note_);
    ::unlink(("/tmp/" + note_).c_str());
  }
}

}  // namespace ipc
