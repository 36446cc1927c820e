#include "common/sync/semaphore.h"

#include <gtest/gtest.h>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::BoundedSemaphore;
using ipc::Deadline;
using ipc::Process;
using ipc::Semaphore;
using ipc::Shared;
using ipc::testing::await_asleep;
using ipc::testing::limit;
using ipc::testing::status_of;

// What both kinds promise.
template <typename T>
class EitherSemaphore : public ::testing::Test {};
using Kinds = ::testing::Types<Semaphore, BoundedSemaphore>;
TYPED_TEST_SUITE(EitherSemaphore, Kinds);

TYPED_TEST(EitherSemaphore, ThereAreAsManyPermitsAsItWasMadeWith) {
  const Shared<TypeParam> semaphore(2U);
  EXPECT_EQ(semaphore->value(), 2U);
  EXPECT_TRUE(semaphore->try_acquire());
  semaphore->acquire();
  EXPECT_EQ(semaphore->value(), 0U);
  EXPECT_FALSE(semaphore->try_acquire());
  semaphore->release();
  EXPECT_EQ(semaphore->value(), 1U);
  EXPECT_TRUE(semaphore->acquire_until(limit()));
}

TYPED_TEST(EitherSemaphore, ATimedAcquireGivesUpAtItsDeadlineAndNotBefore) {
  const Shared<TypeParam> semaphore(1U);
  semaphore->acquire();
  const Deadline deadline = Deadline::after(0.15);  // Past one re-check.
  EXPECT_FALSE(semaphore->acquire_until(deadline));
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(semaphore->value(), 0U);
}

TYPED_TEST(EitherSemaphore, EachReleaseLetsOneWaiterContinue) {
  const Shared<TypeParam> semaphore(2U);
  semaphore->acquire();
  semaphore->acquire();
  const Shared<Semaphore> passed(0U);
  std::vector<Process> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back("Waiter", [&] {
      semaphore->acquire();
      passed->release();
      ::pause();
    });
  }
  for (const Process& waiter : waiters) await_asleep(waiter);
  for (int i = 0; i < 2; ++i) {
    semaphore->release();
    EXPECT_TRUE(passed->acquire_until(limit()));
    EXPECT_EQ(semaphore->value(), 0U);
    EXPECT_FALSE(passed->try_acquire());
  }
}

TYPED_TEST(EitherSemaphore, AReleaseWakesAWaiterAtOnce) {
  const Shared<TypeParam> semaphore(1U);
  ipc::testing::expect_prompt([&] { semaphore->acquire(); },
                              [&] {
                                semaphore->acquire();
                                semaphore->release();
                              },
                              [&] { semaphore->release(); });
}

TYPED_TEST(EitherSemaphore, ThereAreNeverMoreInsideThanPermits) {
  struct Board {
    TypeParam semaphore{2U};
    std::atomic<int> inside{0};
  };
  const Shared<Board> board;
  std::vector<Process> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back("Worker", [&] {
      for (int round = 0; round < 2'000; ++round) {
        board->semaphore.acquire();
        if (board->inside.fetch_add(1) >= 2) ::_exit(1);
        board->inside.fetch_sub(1);
        board->semaphore.release();
      }
    });
  }
  for (Process& worker : workers) EXPECT_EQ(status_of(worker), 0);
  EXPECT_EQ(board->semaphore.value(), 2U);
}

TEST(Semaphore, AProcessThatHasNotAcquiredMayRelease) {
  const Shared<Semaphore> ready(0U);
  Process waiter("Waiter", [&] {
    for (int i = 0; i < 3; ++i) ready->acquire();
  });
  for (int i = 0; i < 3; ++i) ready->release();
  EXPECT_EQ(status_of(waiter), 0);
  EXPECT_EQ(ready->value(), 0U);
}

TEST(Semaphore, ThePermitOfADeadProcessIsLostUntilAnotherReleasesIt) {
  const Shared<Semaphore> semaphore(1U);
  Process holder("Holder", [&] {
    semaphore->acquire();
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(status_of(holder), -SIGKILL);
  EXPECT_EQ(semaphore->value(), 0U);
  EXPECT_FALSE(semaphore->acquire_until(Deadline::after(0.15)));
  semaphore->release();
  EXPECT_TRUE(semaphore->try_acquire());
}

TEST(BoundedSemaphore, ThePermitsOfADeadProcessGoToTheNext) {
  const Shared<BoundedSemaphore> semaphore(2U);
  for (int i = 0; i < 3; ++i) {
    Process holder("Holder", [&] {
      semaphore->acquire();
      if (!semaphore->try_acquire()) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_EQ(status_of(holder), -SIGKILL);
    EXPECT_EQ(semaphore->value(), 2U);
  }
  EXPECT_TRUE(semaphore->try_acquire());
  EXPECT_TRUE(semaphore->try_acquire());
  EXPECT_FALSE(semaphore->try_acquire());
}

TEST(BoundedSemaphore, AProcessThatWaitsGetsThePermitOfOneThatDies) {
  const Shared<BoundedSemaphore> semaphore(1U);
  Process holder("Holder", [&] {
    semaphore->acquire();
    ::pause();
  });
  while (semaphore->value() == 1) ::usleep(100);
  Process waiter("Waiter", [&] { semaphore->acquire(); });
  await_asleep(waiter);
  holder.kill();
  EXPECT_EQ(status_of(waiter), 0);
}

TEST(BoundedSemaphoreDeathTest, AReleaseByAProcessThatHoldsNothingIsABug) {
  const Shared<BoundedSemaphore> semaphore(2U);
  EXPECT_DEATH(semaphore->release(), "does not hold it");
  semaphore->acquire();
  EXPECT_DEATH(semaphore->release(), "does not hold it") << "child of a holder";
}

TEST(BoundedSemaphoreDeathTest, ThereAreOneTo64Permits) {
  EXPECT_EQ(BoundedSemaphore(64).value(), 64U);
  EXPECT_DEATH(BoundedSemaphore(0), "check failed");
  EXPECT_DEATH(BoundedSemaphore(65), "check failed");
}

TEST(Semaphore, TheEventLogTellsWhoWaitsAndWhoHolds) {
  if (ipc::testing::logs_events()) {
    Semaphore semaphore(1);
    semaphore.acquire();
    (void)semaphore.acquire_until(Deadline::after(0.001));
    semaphore.release();
    BoundedSemaphore bounded;
    bounded.acquire();
    bounded.release();
    ::_exit(0);
  }
  EXPECT_EQ(ipc::testing::events_of("Semaphore.TheEventLog*"),
            (std::vector<std::string>{"acquire Semaphore", "wait Semaphore",
                                      "wake Semaphore", "release Semaphore",
                                      "acquire BoundedSemaphore",
                                      "release BoundedSemaphore"}));
}

TEST(BoundedSemaphore, AProcessOfAnotherPidNamespaceIsRefused) {
  const Shared<BoundedSemaphore> semaphore(2U);
  semaphore->acquire();
  ipc::testing::expect_refused({
      [&] { semaphore->acquire(); },
      [&] { (void)semaphore->try_acquire(); },
      [&] { semaphore->release(); },
      [&] { (void)semaphore->value(); },
  });
}

}  // namespace
