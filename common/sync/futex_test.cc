#include "common/sync/futex.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Deadline;
using ipc::Process;
using Word = std::atomic<uint32_t>;

TEST(Futex, AWordThatHasChangedIsNotSleptOn) {
  const Word word = 2;
  // If it slept, the test would exceed its time limit.
  for (int i = 0; i < 100; ++i) ipc::futex_wait(word, 1, Deadline::never());
}

TEST(Futex, AWakeUpReachesAnotherProcess) {
  const ipc::Shared<Word> word(0U);
  Process sleeper("Sleeper", [&] {
    while (word->load() == 0) ipc::futex_wait(*word, 0, Deadline::never());
  });
  // Tries again if the sleeper is just looking again, and so is not asleep.
  while (ipc::futex_wake(*word, 1) == 0) ipc::testing::await_asleep(sleeper);
  word->store(1);
  EXPECT_EQ(ipc::testing::status_of(sleeper), 0);
}

TEST(Futex, AsManyAreWokenAsWanted) {
  const ipc::Shared<Word> word(0U);
  std::vector<Process> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back("Sleeper", [&] {
      while (word->load() == 0) ipc::futex_wait(*word, 0, Deadline::never());
    });
    ipc::testing::await_asleep(sleepers.back());
  }
  EXPECT_LE(ipc::futex_wake(*word, 2), 2);
  word->store(1);
  EXPECT_LE(ipc::futex_wake_all(*word), 4);
  for (Process& sleeper : sleepers) {
    EXPECT_EQ(ipc::testing::status_of(sleeper), 0);
  }
}

TEST(Futex, ASleepLastsUntilTheDeadlineOrTheRecheck) {
  const Word word = 0;
  const int64_t begin_ns = ipc::now_ns();
  ipc::futex_wait(word, 0, Deadline::after(0.02));
  const int64_t middle_ns = ipc::now_ns();
  EXPECT_GE(middle_ns - begin_ns, 20'000'000);
  ipc::futex_wait(word, 0, Deadline::never());
  EXPECT_GE(ipc::now_ns() - middle_ns, ipc::to_ns(ipc::kRecheckSeconds));
}

TEST(Futex, ADeadlineBeforeTheRecheckIsKept) {
  const Word word = 0;
  int64_t shortest_ns = ipc::to_ns(60);
  // A busy machine is late now and then, but not each time.
  for (int i = 0; i < 5; ++i) {
    const int64_t begin_ns = ipc::now_ns();
    ipc::futex_wait(word, 0, Deadline::after(0.005));
    shortest_ns = std::min(shortest_ns, ipc::now_ns() - begin_ns);
  }
  EXPECT_LT(shortest_ns,
            ipc::to_ns(ipc::kRecheckSeconds / 2 * ipc::time_scale()));
}

TEST(Futex, ADeadlineThatHasPassedIsNotSleptOn) {
  const Word word = 0;
  ipc::futex_wait(word, 0, Deadline::at_ns(0));
}

TEST(Futex, ASignalEndsTheSleepWithoutAnError) {
  struct sigaction action {};
  const pid_t parent = ::getpid();
  std::atomic<int> count = 0;
  static std::atomic<int>* counter = &count;
  action.sa_handler = [](int) { ++*counter; };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  Process child("Child", [parent] {
    // Several, in case the parent is just looking again.
    for (int i = 0; i < 3; ++i) {
      ipc::testing::await_asleep(parent);
      ::kill(parent, SIGUSR1);
    }
  });
  const Word word = 0;
  while (count < 3) ipc::futex_wait(word, 0, Deadline::never());
  EXPECT_EQ(ipc::testing::status_of(child), 0);
}

}  // namespace
