#include "common/clock.h"

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

TEST(Clock, NeverDoesNotExpireAndIsMinusOneForPoll) {
  EXPECT_FALSE(Deadline::never().expired());
  EXPECT_EQ(Deadline::never().poll_ms(), -1);
  EXPECT_TRUE(Deadline::after(1e30).is_never());
}

TEST(Clock, PollRoundsUpSoThatAWaitDoesNotEndTooEarly) {
  EXPECT_GE(Deadline::after(0.0005).poll_ms(), 0);
  EXPECT_LE(Deadline::after(0.0005).poll_ms(), 1);
  EXPECT_EQ(Deadline::after(1e9).poll_ms(), std::numeric_limits<int>::max());
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

TEST(Clock, AScaleThatIsNoNumberAboveZeroIsRefused) {
  const char* const set = ::getenv("IPC_LABS_TIME_SCALE");
  const std::string before = set == nullptr ? "" : set;
  for (const char* const wrong : {"abc", "2x", "0", "-1", "nan", "inf"}) {
    ::setenv("IPC_LABS_TIME_SCALE", wrong, 1);
    EXPECT_THROW(ipc::time_scale(), std::invalid_argument) << wrong;
  }
  ::setenv("IPC_LABS_TIME_SCALE", "2.5", 1);
  EXPECT_EQ(ipc::time_scale(), 2.5);
  ::setenv("IPC_LABS_TIME_SCALE", before.c_str(), 1);
}

}  // namespace
