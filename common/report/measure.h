// Times several ways to do the same thing, so that they can be compared.
//
//   const ipc::Samples times = ipc::measure(9, {one_by_one, batched});
//   ipc::say("One by one: {}", ipc::describe_s(ipc::spread(times[0])));
//   ipc::say("Batches are {} times as fast",
//            ipc::describe(ipc::ratio(times[0], times[1])));
//
// What such a number is worth: a machine that does something else as well is
// slow for a while, and that would look like a difference. So the ways take
// turns, A B C A B C, and each ratio is of two neighbours in one round. The
// median is what half of the rounds were below; of the spread, from the lower
// to the upper quartile, a quarter of them was outside at each end. No ratio is
// a promise: a lab shows it and never fails on it.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ipc {

// Seconds of each round, for each way.
using Samples = std::vector<std::vector<double>>;

// Does all `ways` in turn, once unmeasured and then `rounds` times. Each
// returns the seconds that its work took; what it had to prepare need not
// count.
using Way = std::function<double()>;
Samples measure(int rounds, const std::vector<Way>& ways);

// How long `work` takes, in seconds of CLOCK_MONOTONIC.
double timed_s(const std::function<void()>& work);

// The median of some numbers, and where the middle half of them is.
struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};
Spread spread(std::vector<double> numbers);

// How many times as fast as `base` `other` was, compared round by round.
Spread ratio(const std::vector<double>& base, const std::vector<double>& other);

// "8.41 (7.9 to 8.8)": three digits of the median, two of the spread.
std::string describe(const Spread& spread);
// The same of seconds, in a unit that suits them: "12.3 ms (12 to 14 ms)".
std::string describe_s(const Spread& spread);

}  // namespace ipc
