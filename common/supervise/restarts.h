// How often, and how soon, something that has ended may be started again.
//
// This is pure arithmetic: the caller passes the time, and no function waits.
// All times in ns are of CLOCK_MONOTONIC.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/clock.h"

namespace ipc {

struct RestartRule {
  int count_max = 3;     // At most this many restarts, for whatever reason,
  double window_s = 60;  // within any period of this length.

  double delay_s = 0.1;    // Before the first restart. Each further one waits
  double delay_max_s = 5;  // twice as long as the one before, up to this.
  double stable_s = 10;    // After a life of this length, back to delay_s.
};

// Returns whether a thing that fails again and again, each time after `life_s`,
// reaches the limit. If the delays are so long that the window never holds
// `count_max` restarts, it would be restarted forever, without any notice.
bool limit_can_be_reached(const RestartRule& rule, double life_s = 0);

// The restarts of one thing.
//
// Requires: a rule whose limit can be reached.
class Restarts {
 public:
  explicit Restarts(const RestartRule& rule);

  // Decides what follows a life from `began_ns` to `ended_ns`. Returns the time
  // of the next start, or nothing if the limit is reached.
  std::optional<Deadline> after_life(int64_t began_ns, int64_t ended_ns);

  // Returns the time of the next attempt, after an attempt to start that failed
  // at `now_ns`. It does not count towards the limit, since nothing has ended.
  Deadline after_failed_start(int64_t now_ns);

  // How many restarts were allowed so far.
  [[nodiscard]] int count() const { return count_; }

 private:
  Deadline delayed(int64_t now_ns);

  RestartRule rule_;
  std::deque<int64_t> recent_ns_;  // Restarts within the window.
  int count_ = 0;
  int doublings_ = 0;  // Of the delay, since the last stable life.
};

}  // namespace ipc
