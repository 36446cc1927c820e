#include "common/sync/condition.h"

#include <gtest/gtest.h>

#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/process/pipe.h"
#include "common/report/report.h"
#include "common/sync/lock.h"
#include "common/sync/rlock.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Condition;
using ipc::Deadline;
using ipc::Guard;
using ipc::Lock;
using ipc::Process;
using ipc::RLock;
using ipc::Shared;
using ipc::testing::await_asleep;
using ipc::testing::status_of;

struct Shop {
  Lock lock;
  Condition changed;
  int items = 0;
  int taken = 0;
};

void take_one(Shop& shop) {
  Guard guard(shop.lock);
  shop.changed.wait(guard, [&] { return shop.items > 0; });
  --shop.items;
  ++shop.taken;
}

TEST(Condition, WaitReturnsAtOnceIfThePredicateIsTrue) {
  const Shared<Shop> shop;
  Guard guard(shop->lock);
  int asked = 0;
  shop->changed.wait(guard, [&] { return ++asked == 1; });
  EXPECT_EQ(asked, 1);
}

TEST(Condition, TheLockIsFreeWhileAProcessWaitsAndHeldAfterwards) {
  const Shared<Shop> shop;
  Process waiter("Waiter", [&] {
    Guard guard(shop->lock);
    shop->changed.wait(guard, [&] { return shop->items > 0; });
    shop->lock.unlock();  // This would abort if the lock were not held.
    ::_exit(0);
  });
  await_asleep(waiter);
  {
    const Guard guard(shop->lock, ipc::testing::limit());
    ASSERT_TRUE(guard);
    shop->items = 1;
    shop->changed.notify_one();
  }
  EXPECT_EQ(status_of(waiter), 0);
}

TEST(Condition, NotifyOneReleasesOneWaiterAndNotifyAllReleasesEvery) {
  const Shared<Shop> shop;
  std::vector<Process> takers;
  for (int i = 0; i < 4; ++i) {
    takers.emplace_back("Taker", [&] { take_one(*shop); });
  }
  for (const Process& taker : takers) await_asleep(taker);
  {
    const Guard guard(shop->lock);
    shop->items = 1;
    shop->changed.notify_one();
  }
  {
    Guard guard(shop->lock);
    while (shop->taken == 0) {
      guard.unlock();
      ::usleep(100);
      guard.lock();
    }
    EXPECT_EQ(shop->taken, 1);
    EXPECT_EQ(shop->items, 0);
    shop->items = 3;
  }
  shop->changed.notify_all();  // This works outside the lock too.
  for (Process& taker : takers) EXPECT_EQ(status_of(taker), 0);
  EXPECT_EQ(shop->taken, 4);
}

TEST(Condition, ANotifyWakesAWaiterAtOnce) {
  const Shared<Shop> shop;
  ipc::testing::expect_prompt([] {}, [&] { take_one(*shop); },
                              [&] {
                                const Guard guard(shop->lock);
                                ++shop->items;
                                shop->changed.notify_one();
                              });
}

TEST(Condition, ANotifyAllWakesEveryWaiterAtOnce) {
  const Shared<Shop> shop;
  std::optional<Process> before;
  ipc::testing::expect_prompt(
      [&] {
        if (before) {
          EXPECT_EQ(status_of(*before), 0);
        }
        before.emplace("Before", [&] { take_one(*shop); });
        await_asleep(*before);
      },
      [&] { take_one(*shop); },
      [&] {
        const Guard guard(shop->lock);
        shop->items += 2;
        shop->changed.notify_all();
      });
}

TEST(Condition, ATimedWaitTellsThatThePredicateIsStillFalse) {
  const Shared<Shop> shop;
  Guard guard(shop->lock);
  const Deadline deadline = Deadline::after(0.15);  // Past one re-check.
  const auto has_items = [&] { return shop->items > 0; };
  EXPECT_FALSE(shop->changed.wait_until(guard, deadline, has_items));
  EXPECT_TRUE(deadline.expired());
  EXPECT_TRUE(guard);
  shop->items = 1;
  EXPECT_TRUE(shop->changed.wait_until(guard, deadline, has_items));
}

TEST(Condition, AChangeWithoutNotifyIsFoundByTheRecheck) {
  const Shared<Shop> shop;
  Process taker("Taker", [&] { take_one(*shop); });
  await_asleep(taker);
  {
    const Guard guard(shop->lock);
    shop->items = 1;  // As if the notifier had been killed here.
  }
  EXPECT_EQ(status_of(taker), 0);
}

TEST(Condition, TheGuardSaysThatAnOwnerDiedDuringTheWait) {
  const Shared<Shop> shop;
  Process waiter("Waiter", [&] {
    Guard guard(shop->lock);
    if (guard.owner_died()) ::_exit(1);
    shop->changed.wait(guard,
                       [&] { return guard.owner_died() || shop->items > 0; });
    ::_exit(guard.owner_died() && shop->items == 0 ? 0 : 2);
  });
  await_asleep(waiter);
  Process notifier("Notifier", [&] {
    const Guard guard(shop->lock);
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(status_of(notifier), -SIGKILL);
  EXPECT_EQ(status_of(waiter), 0);
}

TEST(Condition, NothingIsLostBetweenProducersAndConsumers) {
  const Shared<Shop> shop;
  constexpr int kRounds = 1'000;
  std::vector<Process> processes;
  for (int i = 0; i < 2; ++i) {
    processes.emplace_back("Taker", [&] {
      for (int round = 0; round < kRounds; ++round) take_one(*shop);
    });
    processes.emplace_back("Maker", [&] {
      for (int round = 0; round < kRounds; ++round) {
        const Guard guard(shop->lock);
        ++shop->items;
        shop->changed.notify_one();
      }
    });
  }
  for (Process& process : processes) EXPECT_EQ(status_of(process), 0);
  EXPECT_EQ(shop->items, 0);
  EXPECT_EQ(shop->taken, 2 * kRounds);
}

TEST(ConditionDeathTest, AnRLockThatIsHeldTwiceIsABug) {
  EXPECT_DEATH(
      {
        RLock lock;
        Condition condition;
        Guard outer(lock);
        Guard inner(lock);
        condition.wait(inner, [] { return false; });
      },
      "would not be released");
}

TEST(Condition, TheEventLogTellsWhoWaits) {
  if (ipc::testing::logs_events()) {
    Shop shop;
    Guard guard(shop.lock);
    int looks = 0;  // The first look is before the wait.
    shop.changed.wait(guard, [&] { return ++looks == 4; });
    ::_exit(0);
  }
  const auto events = ipc::testing::events_of("Condition.TheEventLog*");
  EXPECT_EQ(events, (std::vector<std::string>{"acquire Lock", "wait Condition",
                                              "release Lock", "acquire Lock",
                                              "wake Condition"}));
}

struct Told {
  std::vector<std::string> events;
  ipc::Pipe lock_awaited;
};
Told* told = nullptr;

void note(ipc::EventKind kind, std::string_view object,
          std::string_view /*id*/) {
  const bool waits = kind == ipc::EventKind::wait;
  told->events.push_back((waits ? "wait " : "other ") +
                         std::string(object.substr(0, object.find('@'))));
  if (told->events.back() != "wait Lock") return;
  ipc::write_all(told->lock_awaited.writer, std::as_bytes(std::span("!", 1)));
}

TEST(Condition, AWaiterThatCannotGetTheLockLogsThat) {
  Told mine{{}, ipc::make_pipe()};
  told = &mine;
  const Shared<Shop> shop;
  Process waiter("Waiter", [&] {
    ipc::observe_events(note);
    Guard guard(shop->lock);
    shop->changed.wait(guard, [&] { return shop->items > 0; });
    // An explanation of a hang takes the last "wait" as what it waits for.
    ::_exit(mine.events ==
                    std::vector<std::string>{"other Lock", "wait Condition",
                                             "other Lock", "wait Lock",
                                             "other Lock", "wait Condition",
                                             "other Lock", "other Condition"}
                ? 0
                : 1);
  });
  await_asleep(waiter);
  {
    const Guard guard(shop->lock);
    std::byte awaited{};
    ASSERT_TRUE(ipc::read_exact(mine.lock_awaited.reader, {&awaited, 1}));
    shop->items = 1;
  }
  EXPECT_EQ(status_of(waiter), 0);
}

}  // namespace
