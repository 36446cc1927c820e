#include "common/base/clock.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <limits>
#include <stdexcept>
#include <string>

namespace {

using ipc::Deadline;

TEST(Clock, ADeadlineInThePastHasExpiredAndNothingIsLeft) {
  const Deadline past = Deadline::after(-1);
  EXPECT_TRUE(past.expired());
  EXPECT_EQ(past.left_ns(), 0);
  EXPECT_EQ(past.poll_ms(), 0);
}

TEST(Clock, ADeadlineInTheFutureHasNotExpired) {
  const Deadline later = Deadline::after(3600);
  EXPECT_FALSE(later.expired());
  EXPECT_GT(later.left_ns(), 3'000'000'000'000);
  EXPECT_GT(later.poll_ms(), 3'000'000);
}

TEST(Clock, NeverDoesNotExpireAndBecomesMinusOneForPoll) {
  EXPECT_FALSE(Deadline::never().expired());
  EXPECT_EQ(Deadline::never().poll_ms(), -1);
  EXPECT_TRUE(Deadline::after(1e30).is_never());
}

TEST(Clock, PollRoundsUpSoThatAWaitDoesNotEndTooEarly) {
  EXPECT_GE(Deadline::after(0.0005).poll_ms(), 0);
  EXPECT_LE(Deadline::after(0.0005).poll_ms(), 1);
  EXPECT_EQ(Deadline::after(1e9).poll_ms(), std::numeric_limits<int>::max());
}

TEST(Clock, SecondsAndNanosecondsAreTheSameTime) {
  EXPECT_EQ(ipc::to_ns(1.5), 1'500'000'000);
  EXPECT_EQ(ipc::to_s(1'500'000'000), 1.5);
  EXPECT_EQ(ipc::to_timespec(1'500'000'000).tv_sec, 1);
  EXPECT_EQ(ipc::to_timespec(1'500'000'000).tv_nsec, 500'000'000);
}

TEST(Clock, TheTimespecIsTheAbsoluteTime) {
  const timespec time = Deadline::at_ns(3'000'000'007).to_timespec();
  EXPECT_EQ(time.tv_sec, 3);
  EXPECT_EQ(time.tv_nsec, 7);
}

TEST(Clock, TheSoonerOfTwoDeadlinesIsTheEarlierOne) {
  const Deadline soon = Deadline::at_ns(5);
  EXPECT_EQ(Deadline::never().sooner(soon).ns(), 5);
  EXPECT_EQ(soon.sooner(Deadline::at_ns(9)).ns(), 5);
}

TEST(Clock, AScaleThatIsNotANumberAboveZeroIsRefused) {
  const double before = ipc::time_scale();
  for (const char* const wrong : {"abc", "2x", "0", "-1", "nan", "inf"}) {
    EXPECT_THROW(ipc::set_time_scale(wrong), std::invalid_argument) << wrong;
  }
  ipc::set_time_scale(nullptr);
  ipc::set_time_scale("");
  EXPECT_EQ(ipc::time_scale(), before);
  ipc::set_time_scale("2.5");
  EXPECT_EQ(ipc::time_scale(), 2.5);
  ipc::set_time_scale(std::to_string(before).c_str());
}

}  // namespace
