#include "common/sync/barrier.h"

#include <gtest/gtest.h>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Barrier;
using ipc::Deadline;
using ipc::Process;
using ipc::Shared;
using ipc::testing::await_asleep;
using ipc::testing::status_of;

// Waits, and exits with the place, or with 50 if the barrier is broken.
constexpr int kBroken = 50;
Process make_party(const Shared<Barrier>& barrier,
                   Deadline deadline = Deadline::never()) {
  return Process("Party", [&barrier, deadline] {
    ::_exit(barrier->wait_until(deadline).value_or(kBroken));
  });
}

TEST(Barrier, OnePartyMeetsItself) {
  const Shared<Barrier> barrier(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(barrier->wait(), 0);
}

TEST(Barrier, AllContinueWhenTheLastHasArrivedAndEachHasAPlace) {
  const Shared<Barrier> barrier(3);
  Process first = make_party(barrier);
  await_asleep(first);
  Process second = make_party(barrier);
  await_asleep(second);
  EXPECT_EQ(barrier->n_waiting(), 2);
  EXPECT_EQ(barrier->wait(), 2);
  EXPECT_EQ(status_of(first), 0);
  EXPECT_EQ(status_of(second), 1);
  EXPECT_EQ(barrier->n_waiting(), 0);
}

TEST(Barrier, TheLastWakesTheOthersAtOnce) {
  const Shared<Barrier> barrier(3);
  std::optional<Process> before;
  ipc::testing::expect_prompt(
      [&] {
        before.emplace(make_party(barrier));
        await_asleep(*before);
      },
      [&] { (void)barrier->wait(); }, [&] { (void)barrier->wait(); });
}

TEST(Barrier, NoPartyIsARoundAhead) {
  constexpr int kParties = 4;
  constexpr int kRounds = 300;
  struct Board {
    Barrier barrier{kParties};
    std::atomic<int> arrivals{0};
  };
  const Shared<Board> board;
  std::vector<Process> parties;
  for (int i = 0; i < kParties; ++i) {
    parties.emplace_back("Party", [&] {
      for (int round = 0; round < kRounds; ++round) {
        ++board->arrivals;
        if (!board->barrier.wait()) ::_exit(1);
        // All of this round have arrived, and at most the others for the next.
        const int extra = board->arrivals - (round + 1) * kParties;
        if (extra < 0 || extra >= kParties) ::_exit(2);
      }
    });
  }
  for (Process& party : parties) EXPECT_EQ(status_of(party), 0);
  EXPECT_FALSE(board->barrier.broken());
}

TEST(Barrier, ADeadlineThatPassesBreaksItForAll) {
  const Shared<Barrier> barrier(3);
  Process patient = make_party(barrier);
  await_asleep(patient);
  const Deadline deadline = Deadline::after(0.15);  // Past one re-check.
  Process hasty = make_party(barrier, deadline);
  EXPECT_EQ(status_of(hasty), kBroken);
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(status_of(patient), kBroken);
  EXPECT_TRUE(barrier->broken());
  EXPECT_EQ(barrier->wait(), std::nullopt) << "until reset()";
}

TEST(Barrier, AbortBreaksItUntilReset) {
  const Shared<Barrier> barrier(2);
  Process party = make_party(barrier);
  await_asleep(party);
  barrier->abort();
  EXPECT_EQ(status_of(party), kBroken);
  EXPECT_EQ(barrier->wait(), std::nullopt);
  EXPECT_TRUE(barrier->broken());
  barrier->reset();
  EXPECT_FALSE(barrier->broken());
  Process again = make_party(barrier);
  EXPECT_TRUE(barrier->wait());
  EXPECT_NE(status_of(again), kBroken);
}

TEST(Barrier, ResetSendsWaitersAwayAndLeavesItUnbroken) {
  const Shared<Barrier> barrier(2);
  Process party = make_party(barrier);
  await_asleep(party);
  barrier->reset();
  EXPECT_EQ(status_of(party), kBroken);
  EXPECT_FALSE(barrier->broken());
  EXPECT_EQ(barrier->n_waiting(), 0);
}

TEST(Barrier, ASlowPartyReadsTheEndOfItsOwnRound) {
  const Shared<Barrier> barrier(2);
  Process slow = make_party(barrier);
  await_asleep(slow);
  ASSERT_TRUE(slow.send_signal(SIGSTOP));
  while (ipc::testing::activity(slow.pid()).front() != 'T') ::usleep(100);
  EXPECT_EQ(barrier->wait(), 1);  // Round 0 is complete.
  for (int round = 1; round <= 3; ++round) {
    Process other = make_party(barrier);
    EXPECT_TRUE(barrier->wait());
    EXPECT_NE(status_of(other), kBroken);
  }
  barrier->abort();
  ASSERT_TRUE(slow.send_signal(SIGCONT));
  EXPECT_EQ(status_of(slow), 0) << "its own round was complete";
}

TEST(Barrier, MoreProcessesThanPartiesMeetInGroups) {
  const Shared<Barrier> barrier(2);
  std::vector<Process> parties;
  for (int i = 0; i < 10; ++i) parties.push_back(make_party(barrier));
  int sum = 0;
  for (Process& party : parties) sum += status_of(party);
  EXPECT_EQ(sum, 5) << "five of place 0, and five of place 1";
}

TEST(Barrier, SeatsOfTheDeadAreGivenToOthers) {
  const Shared<Barrier> barrier(2);
  for (int i = 0; i < Barrier::kMaxParties + 6; ++i) {
    // It dies after its round was complete, before it reads how that ended.
    Process slow = make_party(barrier);
    await_asleep(slow);
    ASSERT_TRUE(slow.send_signal(SIGSTOP));
    while (ipc::testing::activity(slow.pid()).front() != 'T') ::usleep(100);
    ASSERT_EQ(barrier->wait(), 1);
    slow.kill();
    ASSERT_EQ(status_of(slow), -SIGKILL);
  }
  EXPECT_FALSE(barrier->broken());
}

// See docs/death.md.
TEST(Barrier, WaitingPartiesLearnOfTheDeathOfAnother) {
  constexpr int kAtOnce = 40;
  for (int batch = 0; batch < 5; ++batch) {
    std::vector<std::unique_ptr<Shared<Barrier>>> barriers;
    std::vector<Process> victims;
    std::vector<Process> others;
    for (int i = 0; i < kAtOnce; ++i) {
      barriers.push_back(std::make_unique<Shared<Barrier>>(3));
      victims.push_back(make_party(*barriers.back()));
      others.push_back(make_party(*barriers.back()));
    }
    for (int i = 0; i < kAtOnce; ++i) {
      await_asleep(victims[i]);
      await_asleep(others[i]);
      victims[i].kill();
    }
    for (int i = 0; i < kAtOnce; ++i) {
      ASSERT_EQ(status_of(victims[i]), -SIGKILL);
      ASSERT_EQ(status_of(others[i]), kBroken);
      Barrier& barrier = **barriers[i];
      barrier.abort();
      barrier.reset();
      EXPECT_FALSE(barrier.broken());
      EXPECT_EQ(barrier.n_waiting(), 0);
    }
  }
}

TEST(BarrierDeathTest, ThereAreOneTo64Parties) {
  EXPECT_EQ(Barrier(64).parties(), 64);
  EXPECT_DEATH(Barrier(0), "check failed");
  EXPECT_DEATH(Barrier(65), "check failed");
}

TEST(Barrier, TheEventLogTellsWhoWaits) {
  if (ipc::testing::logs_events()) {
    Barrier barrier(2);
    (void)barrier.wait_until(Deadline::after(0.001));
    ::_exit(0);
  }
  EXPECT_EQ(ipc::testing::events_of("Barrier.TheEventLog*"),
            (std::vector<std::string>{"wait Barrier", "wake Barrier"}));
}

TEST(Barrier, AProcessOfAnotherPidNamespaceIsRefused) {
  const Shared<Barrier> barrier(2);
  EXPECT_EQ(barrier->n_waiting(), 0);
  ipc::testing::expect_refused({
      [&] { (void)barrier->wait(); },
      [&] { barrier->abort(); },
      [&] { barrier->reset(); },
      [&] { (void)barrier->broken(); },
      [&] { (void)barrier->n_waiting(); },
  });
}

}  // namespace
