// Signals taken in order, from a descriptor, instead of in a handler.
//
// A handler may call almost nothing; signal-safety(7) has the short list. A
// process that blocks its signals and reads them from a signalfd(2) meets them
// between two steps of its own, and can wait for them beside other descriptors.
#pragma once

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace ipc {

// A write to a pipe or socket without a reader then fails with EPIPE, an error
// with a name, instead of ending the process.
void ignore_sigpipe();

// Calls `write`, which is one write(2) to a pipe or its like, and keeps from
// this thread the SIGPIPE that it may raise: what is left is EPIPE. Neither the
// action of the signal nor the mask of the thread is another afterwards. It
// costs two more system calls. (For a socket MSG_NOSIGNAL does it; a pipe has
// nothing like that.)
template <typename Write>
ssize_t without_sigpipe(Write write);

// Makes every signal deliverable again, with its default action: what a child
// needs that was forked by a process which handles signals in its own way. Of
// what is ignored four stay so: SIGHUP, SIGINT and SIGQUIT, by which nohup(1)
// and a shell's `&` shield a program and all that it starts, and SIGPIPE, so
// that a write without a reader is the same error in parent and child.
void reset_signals();

// With SIGCHLD ignored, which a program may have inherited, or SA_NOCLDWAIT the
// kernel reaps each child at its end and its status is lost: this undoes both
// for the whole process. A handler stays.
void keep_child_statuses();

// Whether a signal is ignored, by this process or by whoever started it.
bool is_ignored(int number);

// While it lives a write beyond the limit for the size of files (`ulimit -f`)
// is EFBIG, an error with a name, in this thread. Without it SIGXFSZ comes as
// well, and ends the process.
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

// Blocks signals while it lives and hands them out one by one.
//
// Blocks:    next() and next_until() wait for a signal.
// Ordering:  one pending signal of a kind stands for any number of them
//            (SIGCHLD of five children may be one); see signal(7).
// Fork:      the child keeps the signals blocked and needs reset_signals().
// Lifetime:  the destructor restores the mask from before; a signal that is
//            still pending is delivered then.
class SignalQueue {
 public:
  // Errors: std::system_error; then nothing is blocked that was not before.
  explicit SignalQueue(const std::vector<int>& signals);
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;
  SignalQueue(SignalQueue&&) = delete;
  SignalQueue& operator=(SignalQueue&&) = delete;
  ~SignalQueue();

  // Readable when a signal is pending; for poll(2).
  [[nodiscard]] int fd() const { return fd_.get(); }

  int next() { return *next_until(Deadline::never()); }
  std::optional<int> next_until(Deadline deadline);

 private:
  sigset_t old_mask_{};
  UniqueFd fd_;
};

// Keeps SIGPIPE from its thread while it lives; see without_sigpipe().
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
