// How often, and how soon, something that has ended may be started again.
//
// Pure arithmetic: every function is told what time it is and none waits.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/clock.h"

namespace ipc {

struct RestartRule {
  int count_max = 3;     // So many restarts, whatever they were made for,
  double window_s = 60;  // within any stretch of this length, and no more.

  double delay_s = 0.1;    // Before the first restart; each further one waits
  double delay_max_s = 5;  // twice as long as the one before, up to this.
  double stable_s = 10;    // After a life of this length it begins anew.
};

// Whether a thing that fails again and again, each time after `life_s`, reaches
// the limit. If the delays are so long that the window never holds `count_max`
// restarts, it is restarted for ever instead, and nobody is told.
bool limit_can_be_reached(const RestartRule& rule, double life_s = 0);

// The restarts of one thing.
//
// Requires: a rule whose limit can be reached.
class Restarts {
 public:
  explicit Restarts(const RestartRule& rule);

  // Decides what follows a life from `began_ns` to `ended_ns`: the time of the
  // next start, or nothing if the limit is reached.
  std::optional<Deadline> after_life(int64_t began_ns, int64_t ended_ns);

  // The time of the next attempt, after one to start that failed at `now_ns`.
  // The limit does not count it: nothing has ended.
  Deadline after_failed_start(int64_t now_ns);

  // Restarts that were allowed so far.
  [[nodiscard]] int count() const { return count_; }

 private:
  Deadline delayed(int64_t now_ns);

  RestartRule rule_;
  std::deque<int64_t> recent_ns_;  // Restarts within the window.
  int count_ = 0;
  int doublings_ = 0;  // Of the delay, since the last stable life.
};

}  // namespace ipc
