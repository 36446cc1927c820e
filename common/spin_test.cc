#include "common/spin.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/clock.h"

namespace {

using ipc::Spin;

// How many times the spin, asked `times` times, has looked in vain.
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

TEST(Spin, ReturnsAsSoonAsItIsSo) {
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

TEST(Spin, LeavesOutTwiceAsManyAfterEachTimeInVain) {
  Spin spin;
  // It spins, leaves out 1, spins, leaves out 2, spins, leaves out 4, ...
  EXPECT_EQ(spins_in_vain(spin, 1 + 1 + 1 + 2 + 1 + 4 + 1), 4);
}

TEST(Spin, CostsNextToNothingWhereItIsInVain) {
  Spin spin;
  (void)spins_in_vain(spin, 2 * Spin::kLeaveOutMost);
  EXPECT_EQ(spins_in_vain(spin, 4 * (Spin::kLeaveOutMost + 1)), 4);
}

TEST(Spin, BeginsAnewAfterASuccess) {
  Spin spin;
  (void)spins_in_vain(spin, 100);
  int asked = 0;
  while (!spin.until([] { return true; })) ++asked;
  EXPECT_LE(asked, 64) << "it tries again after a while";
  EXPECT_TRUE(spin.until([] { return true; }));
  EXPECT_EQ(spins_in_vain(spin, 2), 1) << "1 is left out, not 64";
}

}  // namespace
