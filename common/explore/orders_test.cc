#include "common/explore/orders.h"

#include <gtest/gtest.h>

namespace {

TEST(Orders, ABadOrderIsRefusedInOneLine) {
  EXPECT_EQ(ipc::order_problem("ABAB", 2), "");
  EXPECT_EQ(ipc::order_problem("ABCCBA", 2), "");
  EXPECT_EQ(ipc::order_problem("ABA", 2),
            "ABA is too short: B takes 2 steps, not 1");
  EXPECT_EQ(ipc::order_problem("ABABA", 2),
            "ABABA is too long: A takes 2 steps, not 3");
  EXPECT_EQ(ipc::order_problem("ACAC", 2),
            "ACAC is too short: B takes 2 steps, not 0");
  EXPECT_EQ(ipc::order_problem("AB1B", 2),
            "'1' is not a process: an order looks like ABAB");
  EXPECT_EQ(ipc::order_problem("", 2), "an order looks like ABAB");
  EXPECT_EQ(ipc::order_rule(2)("all"), "");
  EXPECT_EQ(ipc::order_rule(1)("ABA"),
            "ABA is too long: A takes 1 step, not 2");
}

TEST(Orders, TheOnesWithFewSwitchesComeFirst) {
  const auto orders = ipc::all_orders(2, 2);
  ASSERT_EQ(orders.size(), 6U);
  EXPECT_EQ(orders.front(), "AABB");
  EXPECT_EQ(orders.back(), "BABA");
  EXPECT_EQ(ipc::all_orders(3, 2).size(), 90U);
  EXPECT_EQ(ipc::order_size("ABCA"), 3);
}

}  // namespace
