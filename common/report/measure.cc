#include "common/report/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/check.h"
#include "common/base/clock.h"

namespace ipc {
namespace {

// A number with this many digits and without an exponent: 0.0123, 8.41, 1240.
std::string number(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return fmt::format("{}", value);
  const int before = 1 + static_cast<int>(std::floor(std::log10(value)));
  return fmt::format("{:.{}f}", value, std::max(0, digits - before));
}

// The value at a place from 0 to 1 of sorted numbers, interpolated if need be.
double quantile(const std::vector<double>& sorted, double place) {
  const double index = place * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(index);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = index - static_cast<double>(below);
  return sorted[below] + weight * (sorted[above] - sorted[below]);
}

std::string describe(const Spread& spread, double unit, const char* name) {
  return fmt::format("{}{} ({} to {}{})", number(spread.median / unit, 3), name,
                     number(spread.low / unit, 2),
                     number(spread.high / unit, 2), name);
}

}  // namespace

Samples measure(int rounds, const std::vector<Way>& ways) {
  Samples samples(ways.size());
  for (int round = -1; round < rounds; ++round) {
    for (size_t i = 0; i < ways.size(); ++i) {
      const double seconds = ways[i]();
      if (round >= 0) samples[i].push_back(seconds);
    }
  }
  return samples;
}

double timed_s(const std::function<void()>& work) {
  const int64_t start_ns = now_ns();
  work();
  return to_s(now_ns() - start_ns);
}

Spread spread(std::vector<double> numbers) {
  IPC_CHECK(!numbers.empty());
  std::sort(numbers.begin(), numbers.end());
  return {quantile(numbers, 0.25), quantile(numbers, 0.5),
          quantile(numbers, 0.75)};
}

Spread ratio(const std::vector<double>& base,
             const std::vector<double>& other) {
  IPC_CHECK(base.size() == other.size());
  std::vector<double> ratios;
  for (size_t i = 0; i < base.size(); ++i) ratios.push_back(base[i] / other[i]);
  return spread(ratios);
}

std::string describe(const Spread& spread) { return describe(spread, 1, ""); }

std::string describe_s(const Spread& spread) {
  if (spread.median >= 1) return describe(spread, 1, " s");
  if (spread.median >= 1e-3) return describe(spread, 1e-3, " ms");
  if (spread.median >= 1e-6) return describe(spread, 1e-6, " us");
  return describe(spread, 1e-9, " ns");
}

}  // namespace ipc
