#include "common/explore/explorer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdio.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/base/wait_ready.h"
#include "common/channel/connection.h"
#include "common/files/atomic_file.h"
#include "common/files/file_watcher.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/sync/event.h"
#include "common/sync/futex.h"
#include "common/sync/lock.h"

namespace {

using ipc::Exploration;
using ipc::ExploreOptions;
using ipc::Guard;
using ipc::Lock;
using ipc::Scenario;
using ipc::Schedule;
using ipc::Shared;

using Counter = std::atomic<int>;
using Texts = std::vector<std::string>;

ExploreOptions reduction() { return {.memory_only = true, .reduce = true}; }

void increment(Counter& counter) {
  const int seen = counter.load();
  ipc::point("after load");
  counter.store(seen + 1);
}

std::string worker(int number) { return "Worker " + std::to_string(number); }

Scenario increments(int processes, int times = 1) {
  return [=](Schedule& schedule) {
    const Shared<Counter> counter(0);
    schedule.show("counter", [&] { return std::to_string(counter->load()); });
    for (int i = 0; i < processes; ++i) {
      schedule.add(worker(i), [&] {
        for (int k = 0; k < times; ++k) increment(*counter);
      });
    }
    schedule.run();
    return std::to_string(counter->load());
  };
}

Scenario locked_increments(int processes) {
  return [=](Schedule& schedule) {
    struct Board {
      Lock lock;
      Counter counter{0};
    };
    const Shared<Board> board;
    for (int i = 0; i < processes; ++i) {
      schedule.add(worker(i), [&] {
        const Guard guard(board->lock);
        increment(board->counter);
      });
    }
    schedule.run();
    return std::to_string(board->counter.load());
  };
}

std::string opposite_locks(Schedule& schedule) {
  const Shared<Lock> left;
  const Shared<Lock> right;
  ipc::describe_object("Lock", left.get(), "left");
  ipc::describe_object("Lock", right.get(), "right");
  const auto eat = [](Lock& first, Lock& second) {
    const Guard one(first);
    ipc::point("holds one");
    const Guard two(second);
  };
  schedule.add("Philosopher 0", [&] { eat(*left, *right); });
  schedule.add("Philosopher 1", [&] { eat(*right, *left); });
  schedule.run();
  return "both have eaten";
}

// The waiter must not read the answer before it is set.
std::string event_after_answer(Schedule& schedule) {
  struct Board {
    ipc::Event ready;
    int answer = 0;
    int seen = 0;
  };
  const Shared<Board> board;
  schedule.add("Waiter", [&] {
    board->ready.wait();
    board->seen = board->answer;
  });
  schedule.add("Setter", [&] {
    board->answer = 42;
    ipc::point("before set");
    board->ready.set();
  });
  schedule.run();
  return std::to_string(board->seen);
}

std::string private_work(Schedule& schedule) {
  const Shared<Counter> mine;
  const Shared<Counter> yours;
  schedule.add("A", [&] { increment(*mine); });
  schedule.add("B", [&] { increment(*yours); });
  schedule.add("C", [&] { increment(*yours); });
  schedule.run();
  return std::to_string(mine->load()) + std::to_string(yours->load());
}

std::string describe(const Exploration& found) {
  std::string text = std::to_string(found.schedules);
  for (const auto& outcome : found.outcomes) {
    text += "; " + outcome.kind + " " + outcome.text + " in " +
            std::to_string(outcome.count) + ", first " + outcome.witness;
  }
  return text;
}

TEST(Explorer, PlaysTheSixOrdersOfTwoIncrements) {
  EXPECT_EQ(describe(ipc::explore(increments(2), {})),
            "6; outcome 1 in 4, first ABBA; outcome 2 in 2, first AABB");
}

TEST(Explorer, PlaysTheNinetyOrdersOfThreeIncrements) {
  const Exploration found = ipc::explore(increments(3), {});
  EXPECT_EQ(describe(found),
            "90; outcome 1 in 48, first ABBCCA; outcome 2 in 36, first AABCCB; "
            "outcome 3 in 6, first AABBCC");
  EXPECT_TRUE(found.complete);
  printf("%.0f schedules of 3 processes a second\n",
         static_cast<double>(found.schedules) / found.seconds);
}

TEST(Explorer, FindsTheSameEachTime) {
  const std::string first = describe(ipc::explore(increments(3), {}));
  const std::string reduced =
      describe(ipc::explore(increments(3), reduction()));
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(describe(ipc::explore(increments(3), {})), first);
    EXPECT_EQ(describe(ipc::explore(increments(3), reduction())), reduced);
  }
}

TEST(Explorer, FindsOnlyOneOutcomeIfThereIsALock) {
  EXPECT_EQ(ipc::explore(locked_increments(3), {}).texts(), Texts{"3"});
}

TEST(Explorer, FindsADeadlockAndSaysWhichProcessWaitsForWhat) {
  const Exploration found = ipc::explore(opposite_locks, {});
  EXPECT_EQ(describe(found),
            "6; deadlock Philosopher 0 waits for Lock 'right', held by "
            "Philosopher 1; Philosopher 1 waits for Lock 'left', held by "
            "Philosopher 0 in 4, first ABBA; outcome both have eaten in 2, "
            "first AABB");
}

TEST(Explorer, FindsAConditionThatDoesNotAlwaysHold) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const Shared<Counter> inside(0);
    schedule.always([&] { return inside->load() > 1 ? "two are inside" : ""; });
    for (int i = 0; i < 2; ++i) {
      schedule.add(worker(i), [&] {
        inside->fetch_add(1);
        ipc::point("inside");
        inside->fetch_sub(1);
      });
    }
    schedule.run();
    return "done";
  };
  EXPECT_EQ(describe(ipc::explore(scenario, {})),
            "4; broken two are inside in 2, first AB; outcome done in 2, first "
            "AABB");
}

TEST(Explorer, FindsAProcessThatFails) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const Shared<Counter> first(0);
    for (int i = 0; i < 2; ++i) {
      schedule.add(worker(i), [&, i] {
        if (i == 1) IPC_CHECK(first->load() == 1);
        first->store(1);
      });
    }
    schedule.run();
    return "done";
  };
  EXPECT_EQ(describe(ipc::explore(scenario, {})),
            "2; failed Worker 1 ended: killed by SIGABRT in 1, first BA; "
            "outcome done in 1, first AB");
}

TEST(Explorer, KillsAProcessAtEachOfItsPoints) {
  const Exploration found = ipc::explore(locked_increments(2), {.kills = 1});
  // One is killed before the lock, at a point inside it, or while it waits; or
  // none is killed.
  EXPECT_EQ(found.texts(), (Texts{"1", "2"}));
  EXPECT_EQ(found.find("outcome", "1")->witness, "AAb");
  EXPECT_EQ(ipc::explore(increments(1), {.kills = 1}).texts(),
            (Texts{"0", "1"}));
}

TEST(Explorer, FindsTheSameOutcomesWithAndWithoutReduction) {
  const struct {
    const char* name;
    Scenario scenario;
    int kills = 0;
    bool inner = false;
  } spaces[] = {
      {"two increments", increments(2)},
      {"two times two increments", increments(2, 2)},
      {"three increments", increments(3)},
      {"two increments, one death", increments(2), 1},
      {"two locked increments", locked_increments(2)},
      {"two locked increments, one death", locked_increments(2), 1},
      {"three locked increments", locked_increments(3)},
      {"opposite locks", opposite_locks},
      {"opposite locks, one death", opposite_locks, 1},
      {"opposite locks, inside", opposite_locks, 0, true},
      {"an event", event_after_answer},
      {"an event, one death", event_after_answer, 1},
      {"separate work", private_work},
      {"separate work, one death", private_work, 1},
  };
  if (!ipc::kMemoryWatchWorks) GTEST_SKIP() << "needs x86-64";
  for (const auto& small : spaces) {
    ExploreOptions options{
        .kills = small.kills, .inner = small.inner, .memory_only = true};
    const Exploration full = ipc::explore(small.scenario, options);
    options.reduce = true;
    const Exploration reduced = ipc::explore(small.scenario, options);
    ASSERT_TRUE(reduced.reduced);
    EXPECT_EQ(full.texts(), reduced.texts()) << small.name;
    EXPECT_LE(reduced.schedules, full.schedules) << small.name;
    printf("%-35s %6ld schedules, reduced %5ld and %5ld cut: %.1f times\n",
           small.name, full.schedules, reduced.schedules, reduced.cut,
           static_cast<double>(full.choices) /
               static_cast<double>(reduced.choices));
  }
}

TEST(Explorer, CannotReduceWhatSharesMoreThanMemory) {
  EXPECT_FALSE(ipc::explore(increments(2), {.reduce = true}).reduced);
}

TEST(Explorer, IsBoundedByPreemptions) {
  const Exploration none = ipc::explore(increments(3), {.max_preemptions = 0});
  EXPECT_EQ(none.texts(), Texts{"3"});
  EXPECT_EQ(none.schedules, 6);
  EXPECT_FALSE(none.complete);
  const Exploration one = ipc::explore(increments(3), {.max_preemptions = 1});
  EXPECT_EQ(one.texts(), (Texts{"1", "2", "3"}));
  EXPECT_LT(one.schedules, 90);
  // A death is not a pre-emption: it may come between any two steps.
  const Exploration deaths =
      ipc::explore(increments(1, 2), {.kills = 1, .max_preemptions = 0});
  EXPECT_EQ(deaths.texts(), (Texts{"0", "1", "2"}));
  const Exploration enough =
      ipc::explore(increments(2), {.max_preemptions = 10});
  EXPECT_EQ(enough.schedules, 6);
  EXPECT_TRUE(enough.complete);
}

TEST(Explorer, TakesSamplesThatDependOnTheSeed) {
  const auto sample = [](unsigned seed) {
    return ipc::explore(increments(3, 3), {.random = 20, .seed = seed});
  };
  EXPECT_EQ(sample(1).schedules, 20);
  EXPECT_FALSE(sample(1).complete);
  EXPECT_EQ(describe(sample(1)), describe(sample(1)));
  EXPECT_NE(describe(sample(1)), describe(sample(2)));
}

TEST(Explorer, StopsAfterMaxSchedules) {
  const Exploration found = ipc::explore(increments(3), {.max_schedules = 7});
  EXPECT_EQ(found.schedules, 7);
  EXPECT_FALSE(found.complete);
}

TEST(Explorer, SeesWaitsInSystemCalls) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const Shared<Counter> counter(0);
    ipc::Pipe key = ipc::make_pipe();
    (void)!::write(key.writer.get(), "k", 1);
    for (int i = 0; i < 2; ++i) {
      schedule.add(worker(i), [&] {
        char byte = 0;
        (void)!::read(key.reader.get(), &byte, 1);
        increment(*counter);
        (void)!::write(key.writer.get(), &byte, 1);
      });
    }
    schedule.run();
    return std::to_string(counter->load());
  };
  const Exploration found = ipc::explore(scenario, {});
  EXPECT_EQ(found.texts(), Texts{"2"});
  EXPECT_EQ(describe(ipc::explore(scenario, {})), describe(found));
}

// The server, a process that is not arranged: adds, and answers with the total.
void serve(ipc::Connection& first, ipc::Connection& second) {
  ipc::Connection* const ends[] = {&first, &second};
  int total = 0;
  for (int open = 2; open > 0;) {
    pollfd fds[] = {{ends[0]->fd(), POLLIN, 0}, {ends[1]->fd(), POLLIN, 0}};
    (void)::poll(fds, 2, -1);
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      const auto request = ends[i]->receive();
      if (!request) {
        ends[i]->close();
        --open;
        continue;
      }
      if (*request == "add") ++total;
      ipc::ensure(ends[i]->send(std::to_string(total)));
    }
  }
}

TEST(Explorer, AnAnswerOfAServerBelongsToTheStepThatAsksForIt) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    struct Seen {
      std::array<std::atomic<int>, 2> totals{};
    };
    const Shared<Seen> seen;
    std::array<ipc::ConnectionPair, 2> pairs{ipc::make_connections(),
                                             ipc::make_connections()};
    ipc::Process server("Server", [&] {
      for (auto& pair : pairs) pair.second.close();
      serve(pairs[0].first, pairs[1].first);
    });
    for (auto& pair : pairs) pair.first.close();
    schedule.add_server(server.pid());
    for (size_t i = 0; i < 2; ++i) {
      schedule.add(worker(static_cast<int>(i)), [&, i] {
        const auto ask = [&](const char* request) {
          ipc::ensure(pairs[i].second.send(request));
          return std::stoi(*pairs[i].second.receive());
        };
        (void)ask("look");
        ask("add");
        ipc::point("added");
        seen->totals[i] = ask("look");
      });
    }
    schedule.run();
    for (auto& pair : pairs) pair.second.close();
    (void)server.join();
    return std::to_string(seen->totals[0]) + std::to_string(seen->totals[1]);
  };
  const std::string found = describe(ipc::explore(scenario, {}));
  EXPECT_EQ(found,
            "6; outcome 12 in 1, first AABB; outcome 21 in 1, first BBAA; "
            "outcome 22 in 4, first ABBA");
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(describe(ipc::explore(scenario, {})), found);
  }
}

TEST(Explorer, SeesExactlyWhichProcessWaitsForAPipe) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    ipc::Pipe pipe = ipc::make_pipe();
    const Shared<Counter> got(0);
    for (int i = 0; i < 2; ++i) {
      schedule.add(worker(i), [&] {
        std::byte byte{};
        if (ipc::read_exact(pipe.reader, {&byte, 1})) ++*got;
      });
    }
    schedule.add("Writer", [&] {
      const std::byte byte{};
      ipc::write_all(pipe.writer, {&byte, 1});
    });
    schedule.run();
    return std::to_string(got->load());
  };
  const std::string found = describe(ipc::explore(scenario, {}));
  EXPECT_EQ(found,
            "10; deadlock Worker 0 waits for something to read in 5, first "
            "CBA; deadlock Worker 1 waits for something to read in 5, first "
            "CAB");
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(describe(ipc::explore(scenario, {})), found);
  }
}

// Other programs may be at work in the folders above, such as /tmp.
TEST(Explorer, IgnoresChangesOfOtherFiles) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const ipc::TempDir folder("explorer");
    schedule.add("Watcher", [&] {
      ipc::FileWatcher watcher(folder.file("awaited"));
      watcher.wait();  // The first one ends: it may have changed before.
      watcher.wait();
    });
    schedule.add("Writer",
                 [&] { ipc::replace_file(folder.file("other"), ""); });
    schedule.run();
    return "done";
  };
  EXPECT_EQ(describe(ipc::explore(scenario, {})),
            "2; deadlock Watcher waits for file 'awaited' in 2, first AB");
}

TEST(Explorer, LetsTheTimeOfAPollPass) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const ipc::Pipe pipe = ipc::make_pipe();
    const Shared<Counter> timed_out(0);
    schedule.add("A", [&] {
      const ipc::Deadline limit = ipc::Deadline::after(3600);
      if (!ipc::wait_ready(pipe.reader.get(), POLLIN, limit)) ++*timed_out;
    });
    schedule.run();
    return std::to_string(timed_out->load());
  };
  EXPECT_EQ(ipc::explore(scenario, {}).texts(), Texts{"1"});
}

TEST(Explorer, LetsNoTimePassForADeadlineInThePast) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const Shared<ipc::Event> never;
    schedule.add("A", [&] {
      (void)never->wait_until(ipc::Deadline::at_ns(ipc::now_ns()));
      ipc::futex_wait(*Shared<std::atomic<uint32_t>>(0U), 0,
                      ipc::Deadline::at_ns(1));
    });
    schedule.run();
    return std::to_string(schedule.time_passed());
  };
  EXPECT_EQ(ipc::explore(scenario, {}).texts(), Texts{"0"});
}

TEST(Explorer, LetsTimePassWhenNoProcessCanGoOn) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    struct Board {
      ipc::Event never;
      ipc::Event later;
      std::atomic<int> order{0};
      int first = 0;
      int second = 0;
    };
    const Shared<Board> board;
    schedule.add("An hour", [&] {
      (void)board->never.wait_until(ipc::Deadline::after(3600));
      board->second = ++board->order;
    });
    schedule.add("A minute", [&] {
      (void)board->later.wait_until(ipc::Deadline::after(60));
      board->first = ++board->order;
    });
    schedule.run();
    return std::to_string(board->first) + std::to_string(board->second);
  };
  EXPECT_EQ(ipc::explore(scenario, {}).texts(), Texts{"12"});
}

TEST(Explorer, StopsAtAScheduleThatHasNoEnd) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    schedule.add("Waiter", [] {
      while (true) ipc::point("again");
    });
    schedule.run();
    return "";
  };
  const Exploration found = ipc::explore(scenario, {});
  EXPECT_EQ(found.texts(), Texts{"endless: no end after 1000 choices"});
  EXPECT_FALSE(found.complete);
}

TEST(Explorer, RefusesAScenarioThatBehavesDifferentlyWhenItIsRepeated) {
  int calls = 0;
  const auto scenario = [&](Schedule& schedule) -> std::string {
    const int steps = 5 - ++calls;
    schedule.add("A", [=] {
      for (int i = 0; i < steps; ++i) ipc::point("again");
    });
    schedule.add("B", [] { ipc::point("once"); });
    schedule.run();
    return "";
  };
  EXPECT_THROW((void)ipc::explore(scenario, {}), std::logic_error);
}

TEST(Replay, ShowsEachStepAndWhatIsShared) {
  const ipc::Replay found = ipc::replay(increments(2), {}, "ABAB");
  ASSERT_EQ(found.steps.size(), 4U);
  EXPECT_EQ(found.steps[1].letter, 'B');
  EXPECT_EQ(found.steps[1].from, "start");
  EXPECT_EQ(found.steps[1].to, "after load");
  EXPECT_EQ(found.steps[2].views[0].second, "1");
  EXPECT_EQ(found.kind, "outcome");
  EXPECT_EQ(found.text, "1");
}

TEST(Replay, ShowsADeadlock) {
  const ipc::Replay found = ipc::replay(opposite_locks, {}, "ABBA");
  EXPECT_EQ(found.kind, "deadlock");
  EXPECT_EQ(found.steps[2].to, "waits for Lock 'left'");
  EXPECT_EQ(found.steps[0].notes, "acquire Lock 'left'\n");
  EXPECT_EQ(found.processes[1].state, "waiting");
}

}  // namespace
