#include "common/sync/lock.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <mutex>

#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/rlock.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Acquired;
using ipc::Deadline;
using ipc::Guard;
using ipc::Lock;
using ipc::Process;
using ipc::Shared;
using ipc::testing::await_asleep;
using ipc::testing::status_of;

// Ends this process as SIGKILL from elsewhere would.
[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  ::_exit(1);
}

// A child locks and dies.
void die_with(Lock& lock) {
  Process child("Child", [&] {
    (void)lock.lock();
    die();
  });
  ASSERT_EQ(status_of(child), -SIGKILL);
}

TEST(Lock, NoIncrementIsLostUnderTheLock) {
  struct Board {
    Lock lock;
    volatile int count = 0;
  };
  constexpr int kRounds = 20'000;
  const Shared<Board> board;
  std::vector<Process> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back("Worker", [&] {
      for (int round = 0; round < kRounds; ++round) {
        const Guard guard(board->lock);
        board->count = board->count + 1;
      }
    });
  }
  for (Process& worker : workers) EXPECT_EQ(status_of(worker), 0);
  EXPECT_EQ(board->count, 3 * kRounds);
}

TEST(Lock, TryLockIsRefusedWhileAnotherHoldsIt) {
  const Shared<Lock> lock;
  const auto tries = [&] {
    Process child("Child", [&] { ::_exit(lock->try_lock() ? 10 : 20); });
    return status_of(child);
  };
  ASSERT_TRUE(lock->try_lock());
  EXPECT_EQ(tries(), 20);
  lock->unlock();
  EXPECT_EQ(tries(), 10);
}

TEST(Lock, ATimedLockGivesUpAtItsDeadlineAndNotBefore) {
  const Shared<Lock> lock;
  const Guard guard(*lock);
  Process child("Child", [&] {
    const Deadline deadline = Deadline::after(0.15);  // Past one re-check.
    const Guard second(*lock, deadline);
    ::_exit(!second && deadline.expired() ? 0 : 1);
  });
  EXPECT_EQ(status_of(child), 0);
}

TEST(Lock, ATimedLockIsAcquiredIfTheOwnerUnlocksInTime) {
  const Shared<Lock> lock;
  Guard guard(*lock);
  Process child("Child", [&] {
    const Guard second(*lock, ipc::testing::limit());
    ::_exit(second && !second.owner_died() ? 0 : 1);
  });
  await_asleep(child);
  guard.unlock();
  EXPECT_EQ(status_of(child), 0);
}

TEST(Lock, AnUnlockWakesAWaiterAtOnce) {
  const Shared<Lock> lock;
  ipc::testing::expect_prompt([&] { (void)lock->lock(); },
                              [&] { const Guard second(*lock); },
                              [&] { lock->unlock(); });
}

TEST(Lock, TheDeathOfTheOwnerLetsAWaiterInWithANotice) {
  const Shared<Lock> lock;
  const Shared<std::atomic<bool>> owned(false);
  Process owner("Owner", [&] {
    const Guard guard(*lock);
    *owned = true;
    ::pause();
  });
  while (!*owned) ::usleep(100);
  Process waiter(
      "Waiter", [&] { ::_exit(lock->lock() == Acquired::owner_died ? 0 : 1); });
  await_asleep(waiter);
  owner.kill();
  EXPECT_EQ(status_of(waiter), 0);
}

TEST(Lock, EveryFormOfLockingReportsThatTheOwnerDied) {
  const Shared<Lock> lock;
  die_with(*lock);
  ASSERT_TRUE(lock->try_lock());
  EXPECT_TRUE(lock->owner_died());
  lock->repaired();
  lock->unlock();

  die_with(*lock);
  ASSERT_TRUE(lock->lock_until(ipc::testing::limit()));
  EXPECT_TRUE(lock->owner_died());
  lock->repaired();
  lock->unlock();

  die_with(*lock);
  EXPECT_EQ(lock->lock(), Acquired::owner_died);
  lock->repaired();
  lock->unlock();
  EXPECT_EQ(lock->lock(), Acquired::clean);
  lock->unlock();
}

TEST(Lock, TheNoticeStandsUntilAnOwnerHasRepaired) {
  const Shared<Lock> lock;
  die_with(*lock);
  for (int i = 0; i < 3; ++i) {
    const Guard guard(*lock);
    EXPECT_TRUE(guard.owner_died());
  }
  { const std::scoped_lock unread(*lock); }
  Guard guard(*lock);
  EXPECT_TRUE(guard.owner_died());
  guard.repaired();
  EXPECT_FALSE(guard.owner_died());
  guard.unlock();
  guard.lock();
  EXPECT_FALSE(guard.owner_died());
}

// The second process dies between the notice and its own repair; the third must
// get the notice all the same.
TEST(Lock, ARepairerThatDiesLeavesTheNoticeToTheNextOwner) {
  const Shared<Lock> lock;
  for (int i = 0; i < 200; ++i) {
    die_with(*lock);
    Process repairer("Repairer", [&] {
      if (lock->lock() != Acquired::owner_died) ::_exit(1);
      die();
    });
    ASSERT_EQ(status_of(repairer), -SIGKILL);
    Guard third(*lock);
    ASSERT_TRUE(third.owner_died()) << "round " << i;
    third.repaired();
  }
}

TEST(Lock, TwoLocksTakenInOppositeOrdersByScopedLockDoNotDeadlock) {
  struct Forks {
    Lock left;
    Lock right;
  };
  const Shared<Forks> forks;
  const auto dine = [](Lock& first, Lock& second) {
    for (int i = 0; i < 5'000; ++i) const std::scoped_lock both(first, second);
  };
  Process one("One", [&] { dine(forks->left, forks->right); });
  Process two("Two", [&] { dine(forks->right, forks->left); });
  EXPECT_EQ(status_of(one), 0);
  EXPECT_EQ(status_of(two), 0);
}

TEST(LockDeathTest, ASecondLockByItsOwnerIsABug) {
  EXPECT_DEATH(
      {
        Lock lock;
        (void)lock.lock();
        (void)lock.lock();
      },
      "locked again by its owner");
  EXPECT_DEATH(
      {
        Lock lock;
        (void)lock.lock();
        (void)lock.try_lock();
      },
      "locked again by its owner");
}

TEST(LockDeathTest, AnUnlockByAnotherProcessIsABug) {
  const Shared<Lock> lock;
  EXPECT_DEATH(lock->unlock(), "does not hold it");
  const Guard guard(*lock);
  // The child of an owner is not the owner.
  EXPECT_DEATH(lock->unlock(), "does not hold it");
}

TEST(Lock, TheEventLogTellsWhoWaitsAndWhoHolds) {
  if (ipc::testing::logs_events()) {
    const Shared<Lock> lock;
    Guard guard(*lock);
    Process waiter("Waiter", [&] { const Guard second(*lock); });
    await_asleep(waiter);
    guard.unlock();
    ::_exit(waiter.join());
  }
  std::vector<std::string> events;
  for (const auto& event : ipc::testing::events_of("Lock.TheEventLog*")) {
    if (event.find("Lock") != std::string::npos) events.push_back(event);
  }
  // Main's release is written before it unlocks, so it is before the wake.
  EXPECT_EQ(events, (std::vector<std::string>{"acquire Lock", "wait Lock",
                                              "release Lock", "wake Lock",
                                              "acquire Lock", "release Lock"}));
}

TEST(Lock, AnObserverGetsTheEventsWithoutALog) {
  ASSERT_FALSE(ipc::testing::logs_events());
  static int told = 0;
  ipc::observe_events(
      [](ipc::EventKind, std::string_view, std::string_view) { ++told; });
  {
    Lock lock;
    const Guard guard(lock);
  }
  ipc::observe_events(nullptr);
  EXPECT_EQ(told, 2);
}

// In another pid namespace a waiting thread may have the owner's number. A Lock
// would tell it that it has the lock already, and an RLock would let it in.
TEST(Lock, AProcessOfAnotherPidNamespaceIsRefused) {
  const Shared<Lock> lock;
  const Shared<ipc::RLock> rlock;
  const Guard guard(*lock);
  const Guard deeper(*rlock);
  ipc::testing::expect_refused({
      [&] { (void)lock->lock(); },
      [&] { (void)lock->try_lock(); },
      [&] { (void)lock->lock_until(Deadline::at_ns(0)); },
      [&] { (void)rlock->try_lock(); },
  });
}

TEST(Lock, AKernelWithoutARobustListIsRefused) {
  const Shared<Lock> lock;
  Process child("Child", [&] {
    constexpr size_t kListHead = 24;
    // This undoes what the C library has registered for this thread.
    ::syscall(SYS_set_robust_list, nullptr, kListHead);
    ::_exit(ipc::testing::is_refused([&] { (void)lock->lock(); }) ? 0 : 1);
  });
  EXPECT_EQ(status_of(child), 0);
}

}  // namespace
