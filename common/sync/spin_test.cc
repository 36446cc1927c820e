#include "common/sync/spin.h"

#include <gtest/gtest.h>
#include <stdint.h>

#include <algorithm>

#include "common/base/clock.h"

namespace {

using ipc::Spin;

// Calls until() `times` times. Returns how often it looked, always in vain.
int spins_in_vain(Spin& spin, int times) {
  int spins = 0;
  for (int i = 0; i < times; ++i) {
    bool looked = false;
    EXPECT_FALSE(spin.until([&] {
      looked = true;
      return false;
    }));
    if (looked) ++spins;
  }
  return spins;
}

TEST(Spin, ReturnsAsSoonAsTheLookSucceeds) {
  Spin spin;
  EXPECT_TRUE(spin.until([] { return true; }));
  int looks = 0;
  EXPECT_TRUE(spin.until([&] { return ++looks == 3; }));
  EXPECT_EQ(looks, 3);
}

TEST(Spin, GivesUpAfterItsTimeAndNotBefore) {
  Spin spin;
  const int64_t before_ns = ipc::now_ns();
  EXPECT_EQ(spins_in_vain(spin, 1), 1);
  EXPECT_GE(ipc::now_ns() - before_ns, Spin::kSpinNs);
}

TEST(Spin, SkipsTwiceAsManyCallsAfterEachSpinInVain) {
  Spin spin;
  // It spins, skips 1, spins, skips 2, spins, skips 4, ...
  EXPECT_EQ(spins_in_vain(spin, 1 + 1 + 1 + 2 + 1 + 4 + 1), 4);
}

TEST(Spin, CostsNextToNothingWhereItIsInVain) {
  Spin spin;
  (void)spins_in_vain(spin, 2 * Spin::kLeaveOutMost);
  EXPECT_EQ(spins_in_vain(spin, 4 * (Spin::kLeaveOutMost + 1)), 4);
}

TEST(Spin, SpinsAtOnceAgainAfterASuccess) {
  Spin spin;
  (void)spins_in_vain(spin, 100);
  int asked = 0;
  while (!spin.until([] { return true; })) ++asked;
  EXPECT_LE(asked, 64) << "it tries again after a while";
  EXPECT_TRUE(spin.until([] { return true; }));
  EXPECT_EQ(spins_in_vain(spin, 2), 1) << "1 is skipped, not 64";
}

// Returns the shortest time that it takes to find what is there already.
int64_t quickest_ns(Spin& spin) {
  int64_t least_ns = INT64_MAX;
  for (int i = 0; i < 1000; ++i) {
    const int64_t before_ns = ipc::now_ns();
    EXPECT_TRUE(spin.until([] { return true; }));
    least_ns = std::min(least_ns, ipc::now_ns() - before_ns);
  }
  return least_ns;
}

TEST(Spin, LingersIfSeveralCameTogetherAndNotIfOneCame) {
  Spin spin;
  const int64_t at_once_ns = quickest_ns(spin);
  for (int i = 0; i < 10; ++i) spin.found(5);
  EXPECT_GT(quickest_ns(spin), at_once_ns + 2L * Spin::kLingerMost)
      << "a pause is some cycles";
  for (int i = 0; i < 10; ++i) spin.found(1);
  EXPECT_LT(quickest_ns(spin), at_once_ns + Spin::kLingerMost);
}

TEST(Spin, NowAndThenTriesWhetherSeveralWouldCome) {
  Spin spin;
  const int64_t at_once_ns = quickest_ns(spin);
  for (uint32_t i = 1; i < Spin::kProbe; ++i) spin.found(1);
  EXPECT_LT(quickest_ns(spin), at_once_ns + Spin::kLingerMost / 4);
  spin.found(1);
  EXPECT_GT(quickest_ns(spin), at_once_ns + Spin::kLingerMost / 8);
}

}  // namespace
