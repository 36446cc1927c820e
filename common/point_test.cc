#include "common/point.h"

#include <gtest/gtest.h>

#include <string>

namespace {

std::string last_place;

TEST(Point, IsPassedIfThereIsNoGate) {
  ipc::point("nobody asks");
  EXPECT_EQ(last_place, "");
}

TEST(Point, StopsAtTheGateWithItsPlace) {
  ipc::point_gate = [](std::string_view place) { last_place = place; };
  ipc::point("after load");
  ipc::point_gate = nullptr;
  EXPECT_EQ(last_place, "after load");
}

}  // namespace
