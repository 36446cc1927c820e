#include "common/base/clock.h"

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include "common/base/hooks.h"

namespace ipc {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr double kScaleMost = 1e6;

std::atomic<double> scale = 1;

}  // namespace

int64_t now_ns() {
  if (Gate* const own = gate()) [[unlikely]] {
    if (const int64_t arranged_ns = own->now_ns()) return arranged_ns;
  }
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

timespec to_timespec(int64_t ns) {
  return {ns / kNsPerSecond, ns % kNsPerSecond};
}

double time_scale() { return scale; }

void set_time_scale(const char* text) {
  if (text == nullptr || *text == '\0') return;
  char* end = nullptr;
  const double value = ::strtod(text, &end);
  if (*end != '\0' || !(value > 0 && value <= kScaleMost)) {
    throw std::invalid_argument(
        std::string("IPC_LABS_TIME_SCALE must be a number above 0: ") + text);
  }
  scale = value;
}

Deadline Deadline::after(double seconds) {
  const double ns = seconds * static_cast<double>(kNsPerSecond);
  const int64_t now = now_ns();
  if (ns >= static_cast<double>(kNever - now)) return never();
  return Deadline(now + static_cast<int64_t>(ns));
}

int64_t Deadline::left_ns() const {
  if (is_never()) return kNever;
  return std::max<int64_t>(0, ns_ - now_ns());
}

int Deadline::poll_ms() const {
  if (is_never()) return -1;
  // Rounding down would make the last millisecond a busy loop.
  const int64_t ms = (left_ns() + kNsPerMs - 1) / kNsPerMs;
  return static_cast<int>(
      std::min<int64_t>(ms, std::numeric_limits<int>::max()));
}

}  // namespace ipc
