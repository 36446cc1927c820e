#include "common/report/measure.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/clock.h"

namespace {

TEST(Measure, TheWaysTakeTurnsAndTheFirstRoundDoesNotCount) {
  std::string order;
  const auto way = [&](char name) {
    return [&order, name] {
      order += name;
      return static_cast<double>(order.size());
    };
  };
  const ipc::Samples samples = ipc::measure(2, {way('A'), way('B'), way('C')});
  EXPECT_EQ(order, "ABCABCABC");
  EXPECT_EQ(samples, (ipc::Samples{{4, 7}, {5, 8}, {6, 9}}));
}

TEST(Measure, WorkIsTimedByTheClockOfDeadlines) {
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  const double seconds = ipc::timed_s([&] {
    start_ns = ipc::now_ns();
    while (end_ns < start_ns + 1'000'000) end_ns = ipc::now_ns();
  });
  EXPECT_GE(seconds, ipc::to_s(end_ns - start_ns));
}

TEST(Measure, TheSpreadIsTheMedianAndTheQuartiles) {
  const ipc::Spread odd = ipc::spread({9, 1, 5, 3, 7});
  EXPECT_EQ(odd.low, 3);
  EXPECT_EQ(odd.median, 5);
  EXPECT_EQ(odd.high, 7);
  const ipc::Spread even = ipc::spread({4, 1, 2, 3});
  EXPECT_EQ(even.low, 1.75);
  EXPECT_EQ(even.median, 2.5);
  EXPECT_EQ(even.high, 3.25);
  EXPECT_EQ(ipc::spread({6}).low, 6);
}

TEST(Measure, ARatioIsTakenRoundByRound) {
  // Both ways were slow in the same round. Each ratio is 2, and so is that of
  // the sums; the ratio of a slow round to a quick one would be 20.
  const ipc::Spread same = ipc::ratio({2, 20, 2}, {1, 10, 1});
  EXPECT_EQ(same.low, 2);
  EXPECT_EQ(same.high, 2);
  EXPECT_EQ(ipc::ratio({1, 2, 30}, {1, 1, 10}).median, 2);
}

TEST(Measure, AMedianHasThreeDigitsAndAQuartileTwo) {
  EXPECT_EQ(ipc::describe({7.94, 8.413, 8.75}), "8.41 (7.9 to 8.8)");
  EXPECT_EQ(ipc::describe({0.0123, 0.01234, 0.5}), "0.0123 (0.012 to 0.50)");
  EXPECT_EQ(ipc::describe({117, 123.4, 240}), "123 (117 to 240)");
  EXPECT_EQ(ipc::describe_s({1, 1.5, 20}), "1.50 s (1.0 to 20 s)");
  EXPECT_EQ(ipc::describe_s({0.011, 0.0123, 0.014}), "12.3 ms (11 to 14 ms)");
  EXPECT_EQ(ipc::describe_s({5e-6, 6e-6, 7e-6}), "6.00 us (5.0 to 7.0 us)");
  EXPECT_EQ(ipc::describe_s({5e-9, 6e-9, 7e-9}), "6.00 ns (5.0 to 7.0 ns)");
}

}  // namespace
