// Deadlines: points in time of CLOCK_MONOTONIC, and "never".
//
// Below the public interface of a lab every wait takes a deadline and no
// relative timeout: a relative one starts anew after each EINTR, so that a
// process with a timer signal would wait for ever. See clock_gettime(2).
#pragma once

#include <stdint.h>
#include <time.h>

#include <limits>

namespace ipc {

// Nanoseconds of CLOCK_MONOTONIC, the same for all processes of a machine. In
// processes that are explored: of their own time; see schedule.h.
int64_t now_ns();

// Nanoseconds of seconds, and seconds of nanoseconds.
constexpr int64_t to_ns(double seconds) {
  return static_cast<int64_t>(seconds * 1e9);
}
constexpr double to_s(int64_t ns) { return static_cast<double>(ns) / 1e9; }

timespec to_timespec(int64_t ns);

// How much longer than usual this machine needs: what waits before it calls
// something a hang waits so many times as long. 1 by default.
double time_scale();

// Sets it for this process, and those that it forks, to the number in `text`,
// which a program has from its environment (IPC_LABS_TIME_SCALE); if that is
// null or empty, nothing. Throws std::invalid_argument if it is not a number
// above 0 and up to a million.
void set_time_scale(const char* text);

// The longest sleep without a second look: whoever is to wake a sleeper may
// have died. It costs an idle waiter less than 0.1 % of a CPU.
inline constexpr double kRecheckSeconds = 0.1;

class Deadline {
 public:
  // `seconds` from now; nothing is scaled.
  static Deadline after(double seconds);
  static Deadline at_ns(int64_t ns) { return Deadline(ns); }
  static Deadline never() { return Deadline(kNever); }

  [[nodiscard]] bool is_never() const { return ns_ == kNever; }
  [[nodiscard]] bool expired() const { return !is_never() && now_ns() >= ns_; }
  [[nodiscard]] int64_t ns() const { return ns_; }

  // Nanoseconds that are left, at least 0; the largest number if never.
  [[nodiscard]] int64_t left_ns() const;

  // The same for poll(2): milliseconds rounded up, -1 if never.
  [[nodiscard]] int poll_ms() const;

  // The absolute time for calls such as pthread_mutex_clocklock(3). For
  // "never" a time some 292 years after the machine was started.
  [[nodiscard]] timespec to_timespec() const { return ipc::to_timespec(ns_); }

  // The earlier of the two.
  [[nodiscard]] Deadline sooner(Deadline other) const {
    return other.ns_ < ns_ ? other : *this;
  }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit Deadline(int64_t ns) : ns_(ns) {}

  int64_t ns_;
};

}  // namespace ipc
