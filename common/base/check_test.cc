#include "common/base/check.h"

#include <gtest/gtest.h>

namespace {

TEST(Check, ATrueConditionIsEvaluatedOnceAndPasses) {
  int evaluated = 0;
  IPC_CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, AFalseConditionAbortsWithItsTextAndPlace) {
  EXPECT_DEATH(IPC_CHECK(1 + 1 == 3),
               "common/base/check_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
