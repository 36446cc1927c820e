#include "common/sync/sleepers.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Deadline;
using ipc::Sleepers;

TEST(Sleepers, ATicketFromBeforeAWakeUpIsNotSleptOn) {
  constexpr int kRounds = 50;
  Sleepers sleepers;
  const Sleepers::Stay stay(sleepers);
  const int64_t begin_ns = ipc::now_ns();
  for (int i = 0; i < kRounds; ++i) {
    const uint32_t ticket = sleepers.ticket();
    i % 2 == 0 ? sleepers.wake_one() : sleepers.wake_all();
    sleepers.sleep(ticket, Deadline::never());
  }
  const double mean_s = ipc::to_s(ipc::now_ns() - begin_ns) / kRounds;
  EXPECT_LT(mean_s, ipc::kRecheckSeconds / 2 * ipc::time_scale());
}

TEST(Sleepers, AFreshTicketIsSleptOnUntilTheDeadline) {
  Sleepers sleepers;
  const Sleepers::Stay stay(sleepers);
  const Deadline deadline = Deadline::after(0.02);
  int sleeps = 0;
  for (; !deadline.expired(); ++sleeps) {
    sleepers.sleep(sleepers.ticket(), deadline);
  }
  EXPECT_LE(sleeps, 3) << "one, but a sleep may end for no reason";
}

TEST(Sleepers, WithoutASleeperAWakeUpChangesNothing) {
  Sleepers sleepers;
  const uint32_t ticket = sleepers.ticket();
  sleepers.wake_all();
  EXPECT_EQ(sleepers.ticket(), ticket);
  {
    const Sleepers::Stay stay(sleepers);
    sleepers.wake_all();
    EXPECT_NE(sleepers.ticket(), ticket);
  }
  const uint32_t after = sleepers.ticket();
  sleepers.wake_all();
  EXPECT_EQ(sleepers.ticket(), after);
}

TEST(Sleepers, AKilledSleeperDoesNoHarm) {
  const ipc::Shared<Sleepers> sleepers;
  ipc::Process victim("Victim", [&] {
    const Sleepers::Stay stay(*sleepers);
    while (true) sleepers->sleep(sleepers->ticket(), Deadline::never());
  });
  ipc::testing::await_asleep(victim);
  victim.kill();
  EXPECT_EQ(victim.join(), -SIGKILL);
  // It stays counted forever, so a wake-up always finds a sleeper to wake.
  const uint32_t ticket = sleepers->ticket();
  sleepers->wake_all();
  EXPECT_NE(sleepers->ticket(), ticket);
}

}  // namespace
