#include "common/sync/event.h"

#include <gtest/gtest.h>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Deadline;
using ipc::Event;
using ipc::Process;
using ipc::Shared;
using ipc::testing::await_asleep;
using ipc::testing::status_of;

TEST(Event, ItIsClearUntilItIsSetAndThenUntilItIsCleared) {
  const Shared<Event> event;
  EXPECT_FALSE(event->is_set());
  event->clear();
  EXPECT_FALSE(event->is_set());
  for (int i = 0; i < 2; ++i) {
    event->set();
    EXPECT_TRUE(event->is_set());
  }
  event->wait();
  event->clear();
  EXPECT_FALSE(event->is_set());
}

TEST(Event, SettingItWakesAllWaiters) {
  const Shared<Event> event;
  std::vector<Process> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back("Waiter", [&] { event->wait(); });
  }
  for (const Process& waiter : waiters) await_asleep(waiter);
  event->set();
  for (Process& waiter : waiters) EXPECT_EQ(status_of(waiter), 0);
}

TEST(Event, SettingItWakesEveryWaiterAtOnce) {
  const Shared<Event> event;
  std::optional<Process> before;
  ipc::testing::expect_prompt(
      [&] {
        event->clear();
        before.emplace("Before", [&] { event->wait(); });
        await_asleep(*before);
      },
      [&] { event->wait(); }, [&] { event->set(); });
}

TEST(Event, ATimedWaitTellsWhetherItWasSet) {
  const Shared<Event> event;
  const Deadline deadline = Deadline::after(0.15);  // Past one re-check.
  EXPECT_FALSE(event->wait_until(deadline));
  EXPECT_TRUE(deadline.expired());
  event->set();
  EXPECT_TRUE(event->wait_until(deadline)) << "set counts, deadline or not";
}

TEST(Event, AWaiterThatSleptThroughSetAndClearReturns) {
  const Shared<Event> event;
  Process waiter("Waiter", [&] { event->wait(); });
  await_asleep(waiter);
  ASSERT_TRUE(waiter.send_signal(SIGSTOP));
  while (ipc::testing::activity(waiter.pid()).front() != 'T') ::usleep(100);
  event->set();
  event->clear();
  ASSERT_TRUE(waiter.send_signal(SIGCONT));
  EXPECT_EQ(status_of(waiter), 0);
  EXPECT_FALSE(event->is_set());
}

TEST(Event, WhatWasDoneBeforeSetIsSeenAfterWait) {
  struct Board {
    int payload = 0;
    Event full;
    Event empty;
  };
  const Shared<Board> board;
  Process reader("Reader", [&] {
    for (int i = 1; i <= 2'000; ++i) {
      board->full.wait();
      board->full.clear();
      if (board->payload != i) ::_exit(1);
      board->empty.set();
    }
  });
  for (int i = 1; i <= 2'000; ++i) {
    board->payload = i;
    board->full.set();
    board->empty.wait();
    board->empty.clear();
  }
  EXPECT_EQ(status_of(reader), 0);
}

TEST(Event, TheEventLogTellsWhoWaits) {
  if (ipc::testing::logs_events()) {
    const Event event;
    (void)event.wait_until(Deadline::after(0.001));
    ::_exit(0);
  }
  EXPECT_EQ(ipc::testing::events_of("Event.TheEventLog*"),
            (std::vector<std::string>{"wait Event", "wake Event"}));
}

}  // namespace
