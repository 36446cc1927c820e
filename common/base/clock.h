// Deadlines: points in time of CLOCK_MONOTONIC, and "never".
//
// Below the public interface of a lab every wait takes a deadline, never a
// timeout. A timeout starts again after each EINTR, so a process that gets
// timer signals could wait forever. See clock_gettime(2).
#pragma once

#include <stdint.h>
#include <time.h>

#include <limits>

namespace ipc {

// Nanoseconds of CLOCK_MONOTONIC, the same for all processes of a machine. In
// the explorer, processes have a time of their own instead; see schedule.h.
int64_t now_ns();

// Seconds converted to nanoseconds, and nanoseconds to seconds.
constexpr int64_t to_ns(double seconds) {
  return static_cast<int64_t>(seconds * 1e9);
}
constexpr double to_s(int64_t ns) { return static_cast<double>(ns) / 1e9; }

timespec to_timespec(int64_t ns);

// How many times slower than usual this machine is. Code that waits for a time
// before it calls something a hang multiplies that time by it. 1 by default.
double time_scale();

// Sets the scale to the number in `text`, for this process and those that it
// forks. A program passes the value of IPC_LABS_TIME_SCALE; null or an empty
// text changes nothing. Throws std::invalid_argument if `text` is not a number
// above 0 and up to a million.
void set_time_scale(const char* text);

// The longest sleep before a sleeper looks again, because the process that
// should wake it may have died. An idle waiter spends less than 0.1 % of a CPU.
inline constexpr double kRecheckSeconds = 0.1;

class Deadline {
 public:
  // `seconds` from now, not multiplied by time_scale().
  static Deadline after(double seconds);
  static Deadline at_ns(int64_t ns) { return Deadline(ns); }
  static Deadline never() { return Deadline(kNever); }

  [[nodiscard]] bool is_never() const { return ns_ == kNever; }
  [[nodiscard]] bool expired() const { return !is_never() && now_ns() >= ns_; }
  [[nodiscard]] int64_t ns() const { return ns_; }

  // Nanoseconds that are left, at least 0; the largest int64_t if never.
  [[nodiscard]] int64_t left_ns() const;

  // The same for poll(2): milliseconds rounded up, -1 if never.
  [[nodiscard]] int poll_ms() const;

  // The absolute time for calls such as pthread_mutex_clocklock(3). "Never" is
  // a time some 292 years after the machine was started.
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
