#include "common/test_faults.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/process.h"
#include "common/shared.h"

namespace {

TEST(TestFaults, KillBeforeAndAfterEachCall) {
  const ipc::Shared<int> steps(0);
  const auto action = [&] {
    *steps = 1;
    (void)::getppid();
    *steps = 2;
    (void)::getppid();
    *steps = 3;
  };
  int kills[4] = {};
  for (int stop = 1; *steps = 0, ipc::killed_at(stop, action); ++stop) {
    ++kills[*steps];
  }
  EXPECT_EQ(*steps, 3) << "the last run comes to its end";
  // Before, within and after the first call; the same of the second.
  EXPECT_GE(kills[1], 1);
  EXPECT_GE(kills[2], 2);
  EXPECT_GE(kills[3], 1);
}

TEST(TestFaults, ASmallDiskIsSmallForOneProcessOnly) {
  const ipc::Shared<int> result(0);
  ipc::Process child("child", [&] {
    if (!ipc::enter_small_disk("/dev/shm", 4096).empty()) return;
    *result = ::access("/dev/shm", W_OK) == 0 ? 1 : 2;
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_NE(*result, 2);
}

}  // namespace
