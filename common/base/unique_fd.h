// A file descriptor that one object owns and closes.
//
// Lifetime: closed by the destructor, reset() or assignment; release() gives
//           the descriptor up without closing it.
// Numbers:  never 0, 1 or 2. A program that was started without its standard
//           streams gets these numbers for the first files that it opens, and
//           would then print into its own pipe. The constructor and reset()
//           move such a descriptor to a higher number, with close-on-exec.
// Errors:   std::system_error, EMFILE, if the descriptor cannot be moved; it
//           has been closed then. Closing reports no error. close(2) is not
//           repeated after EINTR, because Linux has freed the descriptor by
//           then and another thread may already own the number; see close(2),
//           "Dealing with error returns".
// Fork:     the child owns a copy of its own. A reader of a pipe sees the end
//           of file only after every copy of the write end has been closed.
#pragma once

#include <unistd.h>

#include <utility>

namespace ipc {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(above_standard(fd)) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());  // It was moved up when `other` got it.
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  // The descriptor, or -1 if there is none.
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ != -1; }

  // Gives up ownership without closing.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  // Closes the descriptor, if any, and owns `fd` instead.
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, above_standard(fd));
    if (old != -1) ::close(old);
  }

 private:
  static int above_standard(int fd) {
    return fd < 0 || fd > STDERR_FILENO ? fd : move_up(fd);
  }
  static int move_up(int fd);

  int fd_ = -1;
};

}  // namespace ipc
