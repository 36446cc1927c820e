// Times several ways to do the same thing, so that they can be compared.
//
//   const ipc::Samples times = ipc::measure(9, {one_by_one, batched});
//   ipc::say("One by one: {}", ipc::describe_s(ipc::spread(times[0])));
//   ipc::say("Batches are {} times as fast",
//            ipc::describe(ipc::ratio(times[0], times[1])));
//
// A machine that is busy with something else is slow for a while, and that
// could be mistaken for a difference between the ways. So the ways take turns,
// A B C A B C, and each ratio compares two times of the same round. Half of the
// rounds were below the median. The spread reaches from the lower to the upper
// quartile: a quarter of the rounds was below it, and a quarter above. A ratio
// is not a promise: a lab prints it and never fails because of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ipc {

// Seconds of each round, for each way.
using Samples = std::vector<std::vector<double>>;

// Runs all `ways` in turn, first in a round that does not count and then in
// `rounds` that do. Each way returns the seconds that its work took; it may
// leave out its preparations.
using Way = std::function<double()>;
Samples measure(int rounds, const std::vector<Way>& ways);

// How long `work` takes, in seconds of CLOCK_MONOTONIC.
double timed_s(const std::function<void()>& work);

// The median of some numbers, at least one, and where the middle half of them
// is.
struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};
Spread spread(std::vector<double> numbers);

// How many times as fast `other` was as `base`, compared round by round; both
// must have the same number of rounds.
Spread ratio(const std::vector<double>& base, const std::vector<double>& other);

// "8.41 (7.9 to 8.8)": three digits of the median, two of the spread.
std::string describe(const Spread& spread);
// The same for seconds, in a unit that suits them: "12.3 ms (12 to 14 ms)".
std::string describe_s(const Spread& spread);

}  // namespace ipc
