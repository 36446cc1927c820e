#include "common/process/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "common/base/errors.h"

namespace ipc {
namespace {

// Locks a file that was just made; returns how many names it has then.
nlink_t lock_new(int fd) {
  // Whatever umask(2) says: other processes of this user must be able to lock
  // it.
  check(::fchmod(fd, 0600), "fchmod");
  const int result = retry([&] { return ::flock(fd, LOCK_EX); });
  // NFS locks only what is open for writing. Then no other process gets the
  // lock either, and a file that is left behind stays forever.
  if (result == -1 && errno != EBADF) throw_error(errno, "flock");
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  return status.st_nlink;
}

}  // namespace

UniqueFd create_locked(int folder_fd, const std::string& name) {
  // Not for writing: closing it is then no IN_CLOSE_WRITE for inotify(7).
  constexpr int kFlags = O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  while (true) {
    UniqueFd fd(check(::openat(folder_fd, name.c_str(), kFlags, 0600),
                      ("create " + name).c_str()));
    // Between these two calls the file looks abandoned. A process that takes it
    // then removes it before it gives up the lock: so look whether it is still
    // there.
    try {
      if (lock_new(fd.get()) != 0) return fd;
    } catch (const std::system_error&) {
      ::unlinkat(folder_fd, name.c_str(), 0);
      throw;
    }
  }
}

UniqueFd lock_abandoned(int folder_fd, const std::string& name) {
  // O_NONBLOCK: in a folder that all users share the name may be that of a
  // FIFO, whose open(2) otherwise blocks until there is a writer.
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  UniqueFd fd(::openat(folder_fd, name.c_str(), kFlags));
  if (!fd) return {};
  struct stat opened {};
  if (::fstat(fd.get(), &opened) == -1) return {};
  if (!S_ISREG(opened.st_mode) || opened.st_uid != ::geteuid()) return {};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == -1) return {};
  // The maker may have renamed or removed it before the lock was ours.
  struct stat named {};
  constexpr int kNoFollow = AT_SYMLINK_NOFOLLOW;
  if (::fstatat(folder_fd, name.c_str(), &named, kNoFollow) == -1) return {};
  if (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev) return {};
  return fd;
}

}  // namespace ipc
