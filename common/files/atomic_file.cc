#include "common/files/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "common/base/errors.h"
#include "common/base/random.h"
#include "common/base/unique_fd.h"
#include "common/process/lock_file.h"
#include "common/process/pipe.h"
#include "common/process/signals.h"

namespace ipc {
namespace {

constexpr std::string_view kPrefix = ".ipc-labs-";
constexpr std::string_view kSuffix = ".tmp";

// The attributes of a file that say who may do what with it.
struct Access {
  mode_t permissions = 0600;
  std::optional<gid_t> group;
  std::string acl;  // As the kernel has it; see acl(5). "" if there is none.
};

constexpr const char* kAcl = "system.posix_acl_access";

// Gives a new file the access that an old one had. A permission that cannot be
// kept is dropped, never widened.
void set_access(int fd, const Access& access) {
  // The permissions of the group are those of the list's mask, if there is one.
  bool is_same_group = !access.group || ::fchown(fd, -1, *access.group) == 0;
  if (access.acl.empty()) {
    // Removes a list that the new file got from its folder.
    ::fremovexattr(fd, kAcl);
  } else {
    is_same_group = is_same_group && ::fsetxattr(fd, kAcl, access.acl.data(),
                                                 access.acl.size(), 0) == 0;
  }
  const mode_t mode = is_same_group ? 0777U : 0707U;
  check(::fchmod(fd, access.permissions & mode), "fchmod");
}

// A temporary file in the folder of the file that it is to replace, because
// rename(2) does not cross file systems. The destructor removes it unless it
// got its final name.
class TemporaryFile {
 public:
  explicit TemporaryFile(int folder_fd)
      : folder_fd_(folder_fd),
        name_(random_name()),
        lock_(create_locked(folder_fd, name_)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  TemporaryFile(TemporaryFile&&) = delete;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) ::unlinkat(folder_fd_, name_.c_str(), 0);
  }

  // Writes the content and closes the file, so that nothing happens to it after
  // the rename: a process that watches it gets one event rather than two.
  void fill(std::string_view content, const Access& access) {
    constexpr int kFlags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
    const UniqueFd fd(
        check(::openat(folder_fd_, name_.c_str(), kFlags), "open"));
    set_access(fd.get(), access);
    const SizeLimitIsAnError no_signal;
    write_all(fd, std::as_bytes(std::span(content)));
    // Before the rename: otherwise a crash may leave an empty file there.
    check(retry([&] { return ::fsync(fd.get()); }), "fsync");
  }

  void rename_to(const std::string& name) {
    check(::renameat(folder_fd_, name_.c_str(), folder_fd_, name.c_str()),
          "rename");
    name_.clear();
  }

 private:
  static std::string random_name() {
    return std::string(kPrefix)
        .append(std::to_string(random_number<uint64_t>()))
        .append(kSuffix);
  }

  int folder_fd_;
  std::string name_;
  UniqueFd lock_;  // Says that the file is not abandoned while we live.
};

// Removes the temporary files of writers that died.
void remove_abandoned(int folder_fd) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  UniqueFd copy(check(::openat(folder_fd, ".", kFlags), "open"));
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(copy.get()),
                                                    ::closedir);
  if (entries == nullptr) throw_error(errno, "fdopendir");
  (void)copy.release();  // closedir(3) closes it.
  while (const dirent* const entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    if (const UniqueFd lock = lock_abandoned(folder_fd, name)) {
      ::unlinkat(folder_fd, name.c_str(), 0);
    }
  }
}

// The access of a file of our own. Another user's file is not a model: whoever
// put it there would decide who may read what we write.
Access access_of(int folder_fd, const std::string& name) {
  struct stat status {};
  constexpr int kNoFollow = AT_SYMLINK_NOFOLLOW;
  const bool is_ours =
      ::fstatat(folder_fd, name.c_str(), &status, kNoFollow) == 0 &&
      S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
  if (!is_ours) return {};
  Access access{status.st_mode & 0777U, status.st_gid, ""};
  // fgetxattr(2) needs an open file, and permissions may forbid opening it.
  const std::string path =
      "/proc/self/fd/" + std::to_string(folder_fd) + "/" + name;
  const ssize_t size = ::lgetxattr(path.c_str(), kAcl, nullptr, 0);
  if (size == -1 && errno != ENODATA && errno != ENOTSUP) {
    access.permissions &= 0707U;  // The group bits may be the mask of a list.
  }
  if (size <= 0) return access;
  access.acl.resize(static_cast<size_t>(size));
  const ssize_t got =
      ::lgetxattr(path.c_str(), kAcl, access.acl.data(), access.acl.size());
  check(got, "lgetxattr");
  return access;
}

// Some file systems, such as CIFS and vboxsf, do not support fsync(2) of a
// folder. They have no promise to break.
void sync_folder(int fd) {
  const int result = retry([&] { return ::fsync(fd); });
  if (result == -1 && (errno == EINVAL || errno == ENOTSUP)) return;
  check(result, "fsync of the folder");
}

}  // namespace

void replace_file(const std::string& path, std::string_view content) {
  const std::filesystem::path whole(path);
  const std::string name = whole.filename();
  const std::string folder =
      whole.has_parent_path() ? whole.parent_path() : ".";
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const UniqueFd folder_fd(check(::open(folder.c_str(), kFlags), "open"));
  remove_abandoned(folder_fd.get());

  TemporaryFile file(folder_fd.get());
  file.fill(content, access_of(folder_fd.get(), name));
  file.rename_to(name);  // [rename] From here on readers see the new content.
  sync_folder(folder_fd.get());
}

std::optional<std::string> read_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO would wait for a writer.
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  const UniqueFd fd(retry([&] { return ::open(path.c_str(), kFlags); }));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  struct stat status {};
  check(fd.get(), "open");
  check(::fstat(fd.get(), &status), "fstat");
  if (!S_ISREG(status.st_mode)) throw_error(EINVAL, "not a regular file");

  std::string content;
  std::vector<char> piece(64 << 10U);
  while (true) {
    const ssize_t length = check(
        retry([&] { return ::read(fd.get(), piece.data(), piece.size()); }),
        "read");
    if (length == 0) return content;
    content.append(piece.data(), static_cast<size_t>(length));
  }
}

}  // namespace ipc
