// Wrong: it does not check whether write(2) has written everything. When the
// disk is full, a part of the configuration replaces the whole.

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace {

std::string read_all(int fd) {
  std::string content;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t size = ipc::check(
        ipc::retry([&] { return ::read(fd, part.data(), part.size()); }),
        "read");
    if (size == 0) return content;
    content.append(part.data(), static_cast<size_t>(size));
  }
}

// write(2) may write less than it is given.
void write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t size =
        ipc::retry([&] { return ::write(fd, content.data(), content.size()); });
    if (size == -1) return;
    content.remove_prefix(static_cast<size_t>(size));
  }
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

ipc::UniqueFd open_file(const std::string& path, int flags) {
  return ipc::UniqueFd(ipc::check(
      ipc::retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }),
      "open"));
}

void sync(const ipc::UniqueFd& file) {
  ipc::check(ipc::retry([&] { return ::fsync(file.get()); }), "fsync");
}

// Lets one saver in at a time. So all of them can use the same temporary name,
// and overwrite what a killed saver has left under it. The kernel releases the
// lock when its owner ends.
class Turn {
 public:
  explicit Turn(const std::string& folder)
      : folder_(open_file(folder, O_RDONLY | O_DIRECTORY)) {
    ipc::check(ipc::retry([&] { return ::flock(folder_.get(), LOCK_EX); }),
               "flock");
  }
  void sync_folder() const { sync(folder_); }

 private:
  ipc::UniqueFd folder_;
};

void save(const std::string& path, std::string_view content) {
  const Turn turn(folder_of(path));
  const std::string temporary = path + ".new";
  try {
    const ipc::UniqueFd file =
        open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(file.get(), content);
    sync(file);
    ipc::check(::rename(temporary.c_str(), path.c_str()), "rename");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  turn.sync_folder();
}

void load(const std::string& path) {
  write_all(STDOUT_FILENO, read_all(open_file(path, O_RDONLY).get()));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what != "save" && what != "load") {
    ::fputs("usage: config_store save|load <file>\n", stderr);
    return 2;
  }
  // Makes a file that gets too large an error of write(2), and not a signal.
  ::signal(SIGXFSZ, SIG_IGN);
  try {
    if (what == "save") save(argv[2], read_all(STDIN_FILENO));
    if (what == "load") load(argv[2]);
  } catch (const std::exception& error) {
    ::fprintf(stderr, "config_store: %s: %s\n", argv[2], error.what());
    return 1;
  }
  return 0;
}
