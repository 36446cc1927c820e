// Tells a pool when its periodic work is due: only while there are tasks.
//
// Invariant: step_s_ is 0 while there is nothing to do, and else the shortest
//            step that was asked for since. The timer runs only if an event
//            loop waits for its descriptor.
#pragma once

#include <stdint.h>
#include <sys/timerfd.h>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace ipc::pool_internal {

class Ticker {
 public:
  // Faster ticks replace slower ones.
  void start(double step_s) {
    if (step_s_ != 0 && step_s >= step_s_) return;
    if (step_s_ == 0) last_ns_ = now_ns();
    set(step_s);
  }
  void stop() { set(0); }

  [[nodiscard]] bool due(int64_t now) const {
    return step_s_ > 0 && since_last_ns(now) >= to_ns(step_s_);
  }
  [[nodiscard]] int64_t since_last_ns(int64_t now) const {
    return now - last_ns_;
  }
  void ticked(int64_t now) { last_ns_ = now; }

  // The step, or `idle_s` if there is nothing to do.
  [[nodiscard]] double step_s(double idle_s) const {
    return step_s_ > 0 ? step_s_ : idle_s;
  }

  // For an event loop, which waits for the descriptor and nothing else.
  [[nodiscard]] int fd() const { return timer_.get(); }
  void run_timer() {
    runs_ = true;
    set(step_s_);
  }

 private:
  void set(double step_s) {
    step_s_ = step_s;
    if (!runs_) return;
    const timespec step = to_timespec(to_ns(step_s));  // With 0 it is disarmed.
    const itimerspec timer{step, step};
    check(::timerfd_settime(timer_.get(), 0, &timer, nullptr),
          "timerfd_settime");
  }

  UniqueFd timer_{
      check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
            "timerfd_create")};
  double step_s_ = 0;
  int64_t last_ns_ = 0;
  bool runs_ = false;
};

}  // namespace ipc::pool_internal
