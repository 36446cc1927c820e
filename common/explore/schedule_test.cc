#include "common/explore/schedule.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/explore/orders.h"
#include "common/memory/shared.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/sync/lock.h"

namespace {

using Counter = ipc::Shared<std::atomic<int>>;

void increment(Counter& counter) {
  const int seen = counter->load(std::memory_order_relaxed);
  ipc::point("after load");
  counter->store(seen + 1, std::memory_order_relaxed);
}

std::string final_value(const std::string& order) {
  Counter counter(0);
  ipc::Schedule schedule;
  for (int i = 0; i < ipc::order_size(order); ++i) {
    schedule.add("Worker", [&] { increment(counter); });
  }
  EXPECT_EQ(schedule.play(order), "") << order;
  return std::to_string(counter->load());
}

// A lock that sleeps in a system call and does not announce it: a byte in a
// pipe is the key.
struct PipeLock {
  ipc::Pipe pipe = ipc::make_pipe();
  PipeLock() { unlock(); }
  void lock() {
    char key = 0;
    ASSERT_EQ(::read(pipe.reader.get(), &key, 1), 1);
  }
  void unlock() { ASSERT_EQ(::write(pipe.writer.get(), "k", 1), 1); }
};

// The same, but it announces its waits.
struct AnnouncedLock : PipeLock {
  void lock() {
    ipc::object_event(ipc::EventKind::wait, "Lock", this);
    PipeLock::lock();
    ipc::object_event(ipc::EventKind::wake, "Lock", this);
  }
};

template <typename Lock>
std::string final_value_with(Lock& lock, const std::string& order) {
  Counter counter(0);
  ipc::Schedule schedule;
  for (int i = 0; i < ipc::order_size(order); ++i) {
    schedule.add("Worker", [&] {
      lock.lock();
      increment(counter);
      lock.unlock();
    });
  }
  EXPECT_EQ(schedule.play(order), "") << order;
  return std::to_string(counter->load());
}

TEST(Schedule, PlaysTheOrderThatItIsGiven) {
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(final_value("ABAB"), "1");
    EXPECT_EQ(final_value("BBAA"), "2");
  }
}

TEST(Schedule, ReachesEveryOutcomeOfTwoAndThreeProcesses) {
  const auto two = ipc::outcomes_of(ipc::all_orders(2, 2), final_value);
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two.at("1").count, 4);
  EXPECT_EQ(two.at("2").count, 2);
  EXPECT_EQ(two.at("1").witness, "ABBA");
  EXPECT_EQ(two.at("2").witness, "AABB");

  const auto three = ipc::outcomes_of(ipc::all_orders(3, 2), final_value);
  ASSERT_EQ(three.size(), 3U);
  EXPECT_EQ(three.at("1").count, 48);
  EXPECT_EQ(three.at("2").count, 36);
  EXPECT_EQ(three.at("3").count, 6);
  EXPECT_EQ(three.at("3").witness, "AABBCC");
}

TEST(Schedule, TakesOneStepAtATimeAndKnowsWhereEachProcessIs) {
  using State = ipc::Schedule::State;
  Counter counter(0);
  ipc::Schedule schedule;
  schedule.add("A", [&] { increment(counter); });
  EXPECT_EQ(schedule.place(0), "start");
  EXPECT_EQ(schedule.step(0), State::at_point);
  EXPECT_EQ(schedule.place(0), "after load");
  EXPECT_EQ(counter->load(), 0);
  EXPECT_EQ(schedule.step(0), State::finished);
  EXPECT_EQ(schedule.place(0), "exit status 0");
  EXPECT_EQ(counter->load(), 1);
}

TEST(Schedule, PlaysTheOthersWhileAProcessSleeps) {
  PipeLock lock;
  for (const std::string& order : ipc::all_orders(2, 2)) {
    EXPECT_EQ(final_value_with(lock, order), "2") << order;
  }
}

TEST(Schedule, PlaysTheOthersWhileAProcessSaysThatItWaits) {
  AnnouncedLock lock;
  const auto outcomes = ipc::outcomes_of(
      ipc::all_orders(3, 2),
      [&](const std::string& order) { return final_value_with(lock, order); });
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes.at("3").count, 90);
}

TEST(Schedule, KnowsWhatAProcessWaitsFor) {
  AnnouncedLock lock;
  lock.lock();
  ipc::Schedule schedule;
  schedule.add("A", [&] { lock.lock(); });
  EXPECT_EQ(schedule.step(0), ipc::Schedule::State::waiting);
  EXPECT_EQ(schedule.place(0), "the Lock");
}

TEST(Schedule, SaysThatNoProcessCanGoOn) {
  AnnouncedLock left;
  AnnouncedLock right;
  const auto eat = [](AnnouncedLock& first, AnnouncedLock& second) {
    first.lock();
    ipc::point("between the forks");
    second.lock();
    second.unlock();
    first.unlock();
  };
  ipc::Schedule schedule;
  schedule.add("Philosopher 0", [&] { eat(left, right); });
  schedule.add("Philosopher 1", [&] { eat(right, left); });
  EXPECT_EQ(schedule.play("ABAB"),
            "no process can go on: Philosopher 0 waits for the Lock, "
            "Philosopher 1 waits for the Lock");
}

TEST(Schedule, WaitsForAProcessThatSleepsForATime) {
  Counter counter(0);
  ipc::Schedule schedule;
  schedule.add("A", [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    counter->store(1);
  });
  EXPECT_EQ(schedule.step(0), ipc::Schedule::State::finished);
  EXPECT_EQ(counter->load(), 1);
}

TEST(Schedule, NoticesThatAProcessWasKilledOrFailed) {
  Counter counter(0);
  ipc::Schedule killed;
  killed.add("A", [&] {
    increment(counter);
    ::raise(SIGKILL);
  });
  EXPECT_EQ(killed.play("AA"), "A ended: killed by SIGKILL");
  EXPECT_EQ(killed.status(0), -SIGKILL);

  ipc::Schedule failed;
  failed.add("A", [] { ::_exit(3); });
  EXPECT_EQ(failed.play("A"), "A ended: exit status 3");
}

TEST(Schedule, HandsALockOnToAWaiterWhenItsOwnerEnds) {
  for (const bool dies : {true, false}) {
    const ipc::Shared<ipc::Lock> lock;
    Counter heirs(0);
    ipc::Schedule schedule;
    schedule.add("Owner", [&] {
      (void)lock->lock();
      ipc::point("with the lock");
      if (dies) ::raise(SIGKILL);
    });
    for (int i = 0; i < 2; ++i) {
      schedule.add("Heir", [&] {
        ipc::Guard guard(*lock);
        if (!guard.owner_died()) return;
        heirs->fetch_add(1);
        guard.repaired();
      });
    }
    EXPECT_EQ(schedule.play("ABCA"),
              dies ? "Owner ended: killed by SIGKILL" : "");
    EXPECT_EQ(heirs->load(), 1);
  }
}

TEST(Schedule, DoesNotArrangeTheChildrenOfAProcess) {
  ipc::Schedule schedule;
  schedule.add("A", [] {
    ipc::Process child("Child", [] { ipc::point("in the child"); });
    if (child.join() != 0) ::_exit(1);
  });
  EXPECT_EQ(schedule.play("A"), "");
}

TEST(Schedule, WaitsForTheChildrenOfAProcessThatWaitsForThem) {
  ipc::Schedule schedule;
  schedule.add("A", [] {
    ipc::Process child("Child", [] {
      const auto end = ipc::Deadline::after(0.05);
      while (!end.expired()) continue;
    });
    if (child.join() != 0) ::_exit(1);
  });
  EXPECT_EQ(schedule.play("A"), "");
}

TEST(Schedule, SaysThatAnOrderDoesNotFit) {
  const auto play = [](const std::string& order) {
    Counter counter(0);
    ipc::Schedule schedule;
    schedule.add("Worker 0", [&] { increment(counter); });
    schedule.add("Worker 1", [&] { increment(counter); });
    return schedule.play(order);
  };
  EXPECT_EQ(play("AABBA"),
            "the order is too long: A has finished (exit status 0)");
  EXPECT_EQ(play("AAB"),
            "the order is too short: Worker 1 is still at \"after load\"");
  EXPECT_EQ(play("AAC"), "the order has a C, but the processes are A to B");
}

// The server is slow, while the process that has asked it sleeps in read(2).
TEST(Schedule, AnAnswerOfAServerBelongsToTheStepThatAsksForIt) {
  ipc::Pipe requests = ipc::make_pipe();
  ipc::Pipe replies = ipc::make_pipe();
  const ipc::Process server("Server", [&] {
    for (char byte = 0; ::read(requests.reader.get(), &byte, 1) == 1;) {
      const ipc::Deadline busy = ipc::Deadline::after(0.03);
      while (!busy.expired()) continue;
      (void)!::write(replies.writer.get(), &byte, 1);
    }
  });
  const auto ask = [&] {
    char byte = 'x';
    (void)!::write(requests.writer.get(), &byte, 1);
    (void)!::read(replies.reader.get(), &byte, 1);
  };
  ipc::Schedule schedule;
  schedule.add_server(server.pid());
  schedule.add("A", [&] {
    ask();
    ipc::point("answered");
  });
  EXPECT_EQ(schedule.step(0), ipc::Schedule::State::at_point);
  EXPECT_EQ(schedule.place(0), "answered");
  EXPECT_EQ(schedule.step(0), ipc::Schedule::State::finished);

  // While the server is busy, process A sleeps in a call that no event
  // announces; in the end A waits for something else.
  ipc::Schedule second;
  second.add_server(server.pid());
  const ipc::Pipe never = ipc::make_pipe();
  second.add("A", [&] {
    ask();
    ipc::event(ipc::EventKind::wait, "its end");
    char byte = 0;
    (void)!::read(never.reader.get(), &byte, 1);
  });
  EXPECT_EQ(second.step(0), ipc::Schedule::State::waiting);
  EXPECT_EQ(second.place(0), "its end");
}

TEST(Schedule, KillsWhatIsLeftWhenItEnds) {
  pid_t pid = 0;
  {
    ipc::Shared<std::atomic<pid_t>> stopped(0);
    ipc::Schedule schedule;
    schedule.add("A", [&] {
      stopped->store(::getpid());
      ipc::point("never left");
    });
    (void)schedule.step(0);
    pid = stopped->load();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Schedule, EndsWithoutLettingAnyProcessContinue) {
  Counter moves(0);
  for (int round = 0; round < 50; ++round) {
    ipc::Pipe nothing = ipc::make_pipe();
    ipc::Pipe ended_by_death = ipc::make_pipe();
    char byte = 0;
    ipc::Schedule schedule;
    schedule.add("A", [&] {
      (void)!::read(nothing.reader.get(), &byte, 1);
      moves->fetch_add(1);
    });
    schedule.add("B", [&] {
      ended_by_death.writer.reset();
      (void)!::read(ended_by_death.reader.get(), &byte, 1);
      moves->fetch_add(1);
    });
    ended_by_death.writer.reset();
    EXPECT_NE(schedule.play("AB"), "");
  }
  EXPECT_EQ(moves->load(), 0);
}

}  // namespace
