// Signals taken in order, from a descriptor, instead of in a handler.
//
// A handler may call almost nothing; signal-safety(7) has the short list. A
// process that blocks its signals and reads them from a signalfd(2) handles
// them between two steps of its own, and can poll them together with other
// descriptors.
#pragma once

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace ipc {

// Ignores SIGPIPE in this process. A write to a pipe or socket without a reader
// then fails with EPIPE instead of ending the process.
void ignore_sigpipe();

// Calls `write`, which is one write(2) to a pipe or the like, and takes away
// the SIGPIPE that this may raise: the thread sees only EPIPE. The action of
// the signal and the mask of the thread are the same afterwards. This costs two
// more system calls. (For a socket MSG_NOSIGNAL does it; a pipe has nothing
// like that.)
template <typename Write>
ssize_t without_sigpipe(Write write);

// Unblocks every signal and sets it to its default action. A child needs this
// if it was forked by a process that handles signals in its own way. Four
// signals stay ignored if they were: SIGHUP, SIGINT and SIGQUIT, because
// nohup(1) and a shell's `&` ignore them to shield a program and all that it
// starts; and SIGPIPE, so that a write without a reader is the same error in
// parent and child.
void reset_signals();

// If SIGCHLD is ignored, which a program may have inherited, or has
// SA_NOCLDWAIT, the kernel reaps each child at its end and the status is lost.
// This undoes both for the whole process. A handler stays.
void keep_child_statuses();

// Whether a signal is ignored in this process; that may be inherited.
bool is_ignored(int number);

// While this object lives, a write of this thread beyond the limit for the size
// of files (`ulimit -f`) fails with EFBIG only. Without it the kernel also
// sends SIGXFSZ, which ends the process.
class SizeLimitIsAnError {
 public:
  SizeLimitIsAnError();
  SizeLimitIsAnError(const SizeLimitIsAnError&) = delete;
  SizeLimitIsAnError& operator=(const SizeLimitIsAnError&) = delete;
  SizeLimitIsAnError(SizeLimitIsAnError&&) = delete;
  SizeLimitIsAnError& operator=(SizeLimitIsAnError&&) = delete;
  ~SizeLimitIsAnError();

 private:
  bool was_pending_;
  sigset_t old_mask_{};
};

// Blocks signals in the calling thread while it lives, and hands them out one
// by one.
//
// Blocks:    next() and next_until() wait for a signal.
// Ordering:  one pending signal of a kind stands for any number of them
//            (five children that end may give one SIGCHLD); see signal(7).
// Fork:      the child keeps the signals blocked and needs reset_signals().
// Lifetime:  the destructor restores the mask from before; a signal that is
//            still pending is delivered then.
class SignalQueue {
 public:
  // Errors: std::system_error; then no further signal is blocked.
  explicit SignalQueue(const std::vector<int>& signals);
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;
  SignalQueue(SignalQueue&&) = delete;
  SignalQueue& operator=(SignalQueue&&) = delete;
  ~SignalQueue();

  // Readable when a signal is pending; for poll(2).
  [[nodiscard]] int fd() const { return fd_.get(); }

  // The number of the next signal; nothing at the deadline.
  int next() { return *next_until(Deadline::never()); }
  std::optional<int> next_until(Deadline deadline);

 private:
  sigset_t old_mask_{};
  UniqueFd fd_;
};

// Holds SIGPIPE back from its thread while it lives; see without_sigpipe().
class SigpipeHeldBack {
 public:
  SigpipeHeldBack();
  SigpipeHeldBack(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack(SigpipeHeldBack&&) = delete;
  SigpipeHeldBack& operator=(SigpipeHeldBack&&) = delete;
  ~SigpipeHeldBack();

  // Takes back the signal that a write of this thread has raised.
  void take_back();

 private:
  sigset_t old_mask_{};
  bool was_pending_ = false;
};

template <typename Write>
ssize_t without_sigpipe(Write write) {
  SigpipeHeldBack held_back;
  const ssize_t size = write();
  if (size == -1 && errno == EPIPE) held_back.take_back();
  return size;
}

}  // namespace ipc
