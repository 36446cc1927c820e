// Files: the sender appends, the receiver reads on from where it was, and each
// has the lock of the file meanwhile. There are two locks that end with a
// descriptor, and so with a process: of flock(2), for the whole file, and of
// fcntl(2), for any part of it ("open file description locks").

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/names.h"
#include "labs/mechanisms/specification.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

class LockedFile : public Mechanism {
 public:
  void open() override { UniqueFd(open_file(path_, O_CREAT | O_EXCL)); }
  // Each side opens it for itself: an inherited descriptor shares the lock of
  // the one that it was copied from.
  void join(Side /*side*/, const std::string& address) override {
    file_.reset(open_file(address.empty() ? path_ : address, 0));
  }
  [[nodiscard]] std::string address() const override { return path_; }
  [[nodiscard]] const char* kind() const override { return "path"; }
  [[nodiscard]] bool is_there() const override {
    return ::access(path_.c_str(), F_OK) == 0;
  }
  void take_lock() override { lock(file_.get(), Wait::yes); }

  Outcome send(std::string_view message, Wait wait) override {
    if (!lock(file_.get(), wait)) return {State::locked};
    const ssize_t size = ::write(file_.get(), message.data(), message.size());
    const int error = errno;
    unlock(file_.get());
    if (size == -1) return {State::failed, 0, error};
    return {State::done, static_cast<size_t>(size), 0};
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    while (true) {
      if (!lock(file_.get(), wait)) return {State::locked};
      const ssize_t size =
          ::pread(file_.get(), buffer.data(), buffer.size(), read_);
      const int error = errno;
      unlock(file_.get());
      if (size == -1) return {State::failed, 0, error};
      read_ += size;
      if (size > 0) return {State::done, static_cast<size_t>(size), 0};
      if (wait == Wait::no) return {State::not_now};
      nap();  // inotify(7) reports changes; see the lab config_watcher.
    }
  }

 private:
  // Whether it has the lock now.
  virtual bool lock(int fd, Wait wait) = 0;
  virtual void unlock(int fd) = 0;

  static int open_file(const std::string& path, int flags) {
    constexpr int kFlags = O_RDWR | O_APPEND | O_CLOEXEC;
    return check(::open(path.c_str(), kFlags | flags, 0600), "open");
  }

  ipc::TempDir folder_{"file"};
  std::string path_ = folder_.file("messages");
  UniqueFd file_;
  off_t read_ = 0;
};

class FlockFile : public LockedFile {
  bool lock(int fd, Wait wait) override {
    const int flags = LOCK_EX | (wait == Wait::no ? LOCK_NB : 0);
    return ipc::retry([&] { return ::flock(fd, flags); }) == 0;
  }
  void unlock(int fd) override { check(::flock(fd, LOCK_UN), "flock"); }
};

class OfdFile : public LockedFile {
  static bool set(int fd, int16_t type, int command) {
    struct flock all {};  // From 0, and 0 bytes mean all of them.
    all.l_type = type;
    all.l_whence = SEEK_SET;
    return ipc::retry([&] { return ::fcntl(fd, command, &all); }) == 0;
  }
  bool lock(int fd, Wait wait) override {
    return set(fd, F_WRLCK, wait == Wait::no ? F_OFD_SETLK : F_OFD_SETLKW);
  }
  void unlock(int fd) override { set(fd, F_UNLCK, F_OFD_SETLK); }
};

}  // namespace

std::vector<NamedMechanism> files() {
  return {
      {"file_flock", make<FlockFile>},
      {"file_ofd", make<OfdFile>},
  };
}
