#include "common/supervise/restarts.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using ipc::RestartRule;
using ipc::Restarts;

constexpr int64_t kSecond = 1'000'000'000;

// Returns the delays between at most `lives` lives of `life_ns` each, until the
// limit is reached.
std::vector<double> delays_s(const RestartRule& rule, int64_t life_ns,
                             int lives) {
  Restarts restarts(rule);
  std::vector<double> delays;
  int64_t now_ns = 5 * kSecond;
  for (int i = 0; i < lives; ++i) {
    const int64_t end_ns = now_ns + life_ns;
    const auto next = restarts.after_life(now_ns, end_ns);
    if (!next) break;
    delays.push_back(static_cast<double>(next->ns() - end_ns) / 1e9);
    now_ns = next->ns();
  }
  return delays;
}

TEST(Restarts, AThingThatEndsAtOnceIsRestartedExactlyCountMaxTimes) {
  EXPECT_EQ(delays_s({.count_max = 3}, 0, 100).size(), 3U);
  EXPECT_EQ(delays_s({.count_max = 1}, 0, 100).size(), 1U);
  EXPECT_EQ(delays_s({.count_max = 0}, 0, 100).size(), 0U);
}

TEST(Restarts, TheDelayDoublesUpToItsMaximum) {
  const RestartRule rule{
      .count_max = 6, .window_s = 60, .delay_s = 0.5, .delay_max_s = 4};
  EXPECT_EQ(delays_s(rule, 0, 100), (std::vector<double>{0.5, 1, 2, 4, 4, 4}));
}

TEST(Restarts, OnlyAStableLifeResetsTheDelay) {
  const RestartRule rule{.count_max = 4, .delay_s = 0.5, .stable_s = 10};
  EXPECT_EQ(delays_s(rule, 10 * kSecond - 1, 3),
            (std::vector<double>{0.5, 1, 2}));
  EXPECT_EQ(delays_s(rule, 10 * kSecond, 3),
            (std::vector<double>{0.5, 0.5, 0.5}));
}

TEST(Restarts, TheWindowSlidesSoThatRareFailuresNeverReachTheLimit) {
  const RestartRule rule{.count_max = 2, .window_s = 60, .delay_s = 0};
  EXPECT_EQ(delays_s(rule, 30 * kSecond, 100).size(), 100U);
  EXPECT_EQ(delays_s(rule, 30 * kSecond - 1, 100).size(), 2U);
}

TEST(Restarts, StableLivesCountTowardsTheLimitToo) {
  // Otherwise one that fails every 11 s would be restarted forever.
  const RestartRule rule{.count_max = 3, .window_s = 60, .stable_s = 10};
  EXPECT_EQ(delays_s(rule, 11 * kSecond, 100).size(), 3U);
}

TEST(Restarts, EachFailedStartDoublesTheDelayAndIsNotARestart) {
  Restarts restarts({.count_max = 1, .delay_s = 0.5, .delay_max_s = 1});
  EXPECT_EQ(restarts.after_failed_start(0).ns(), kSecond / 2);
  EXPECT_EQ(restarts.after_failed_start(0).ns(), kSecond);
  EXPECT_EQ(restarts.after_failed_start(0).ns(), kSecond);
  EXPECT_EQ(restarts.count(), 0);
  EXPECT_TRUE(restarts.after_life(0, 0).has_value());
  EXPECT_EQ(restarts.count(), 1);
}

TEST(Restarts, AMillionDelaysDoNotOverflow) {
  Restarts restarts({.delay_s = 0.5, .delay_max_s = 1});
  for (int i = 0; i < 1'000'000; ++i) {
    ASSERT_LE(restarts.after_failed_start(0).ns(), kSecond);
  }
}

TEST(RestartsDeathTest, ALimitThatTheDelaysPutOutOfReachIsRefused) {
  const RestartRule rule{
      .count_max = 3, .window_s = 10, .delay_s = 5, .delay_max_s = 5};
  EXPECT_FALSE(ipc::limit_can_be_reached(rule));
  const RestartRule quick{.count_max = 3, .window_s = 10, .delay_s = 0};
  EXPECT_TRUE(ipc::limit_can_be_reached(quick, 3));
  EXPECT_FALSE(ipc::limit_can_be_reached(quick, 4));
  EXPECT_DEATH(Restarts{rule}, "limit_can_be_reached");
}

}  // namespace
