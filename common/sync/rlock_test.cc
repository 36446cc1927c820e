#include "common/sync/rlock.h"

#include <gtest/gtest.h>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Acquired;
using ipc::Guard;
using ipc::Process;
using ipc::RLock;
using ipc::Shared;
using ipc::testing::status_of;

bool is_free(RLock& lock) {
  Process child("Child", [&] { ::_exit(lock.try_lock() ? 10 : 20); });
  return status_of(child) == 10;
}

TEST(RLock, ItsOwnerMayLockItAgainInEveryWay) {
  const Shared<RLock> lock;
  EXPECT_EQ(lock->lock(), Acquired::clean);
  EXPECT_EQ(lock->lock(), Acquired::clean);
  EXPECT_TRUE(lock->try_lock());
  EXPECT_TRUE(lock->lock_until(ipc::testing::limit()));
  EXPECT_EQ(lock->depth(), 4U);
}

TEST(RLock, OthersGetTheLockAfterAsManyUnlocksAsLocks) {
  const Shared<RLock> lock;
  for (int i = 0; i < 3; ++i) (void)lock->lock();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(is_free(*lock));
    lock->unlock();
  }
  EXPECT_TRUE(is_free(*lock));
}

TEST(RLock, TheDepthOfADeadOwnerIsForgotten) {
  const Shared<RLock> lock;
  Process owner("Owner", [&] {
    for (int i = 0; i < 3; ++i) (void)lock->lock();
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(status_of(owner), -SIGKILL);
  Guard guard(*lock);
  EXPECT_TRUE(guard.owner_died());
  EXPECT_EQ(guard.depth(), 1U);
  {
    Guard inner(*lock);
    EXPECT_TRUE(inner.owner_died());
    inner.repaired();
  }
  EXPECT_FALSE(guard.owner_died());
  guard.unlock();
  EXPECT_TRUE(is_free(*lock));
}

TEST(RLockDeathTest, OneUnlockTooManyIsABug) {
  EXPECT_DEATH(
      {
        RLock lock;
        (void)lock.lock();
        (void)lock.lock();
        for (int i = 0; i < 3; ++i) lock.unlock();
      },
      "does not hold it");
}

TEST(RLock, TheEventLogCallsItByItsName) {
  if (ipc::testing::logs_events()) {
    RLock lock;
    const Guard outer(lock);
    ::_exit(0);
  }
  const auto events = ipc::testing::events_of("RLock.TheEventLog*");
  EXPECT_EQ(events, std::vector<std::string>{"acquire RLock"});
}

}  // namespace
