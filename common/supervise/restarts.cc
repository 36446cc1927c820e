#include "common/supervise/restarts.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/base/clock.h"

namespace ipc {
namespace {

double delay_s(const RestartRule& rule, int doublings) {
  return std::min(std::ldexp(rule.delay_s, doublings), rule.delay_max_s);
}

}  // namespace

bool limit_can_be_reached(const RestartRule& rule, double life_s) {
  double all_s = 0;
  for (int i = 0; i < rule.count_max && all_s < rule.window_s; ++i) {
    all_s += delay_s(rule, i) + life_s;
  }
  return all_s < rule.window_s;
}

Restarts::Restarts(const RestartRule& rule) : rule_(rule) {
  IPC_CHECK(limit_can_be_reached(rule));
}

std::optional<Deadline> Restarts::after_life(int64_t began_ns,
                                             int64_t ended_ns) {
  if (ended_ns - began_ns >= to_ns(rule_.stable_s)) doublings_ = 0;
  while (!recent_ns_.empty() &&
         recent_ns_.front() <= ended_ns - to_ns(rule_.window_s)) {
    recent_ns_.pop_front();
  }
  const auto recent = static_cast<int>(recent_ns_.size());
  if (recent >= rule_.count_max) return std::nullopt;
  const Deadline next = delayed(ended_ns);
  recent_ns_.push_back(next.ns());
  ++count_;
  return next;
}

Deadline Restarts::after_failed_start(int64_t now_ns) {
  return delayed(now_ns);
}

Deadline Restarts::delayed(int64_t now_ns) {
  return Deadline::at_ns(now_ns + to_ns(delay_s(rule_, doublings_++)));
}

}  // namespace ipc
