#include "common/pool/pool.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/process/process_stat.h"
#include "common/testing/test_basics.h"
#include "common/testing/test_faults.h"

namespace {

using ipc::Deadline;
using ipc::Outcome;
using ipc::Pool;
using ipc::TaskEnd;
using ipc::testing::limit;
using ipc::testing::open_fd_count;
using ipc::testing::scaled;

int square(int number) { return number * number; }

std::vector<int> numbers_to(int count) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::vector<int> squares_to(int count) {
  std::vector<int> numbers = numbers_to(count);
  for (int& number : numbers) number = square(number);
  return numbers;
}

[[noreturn]] void die() {
  ::raise(SIGKILL);
  ::_exit(99);
}

// How often each task was begun, by any worker.
template <size_t kTasks>
using Counts = std::array<std::atomic<int>, kTasks>;

void await(const std::function<bool()>& condition) {
  const Deadline deadline = limit();
  while (!condition()) {
    ASSERT_FALSE(deadline.expired());
    ::usleep(200);
  }
}

bool readable(int fd, Deadline deadline) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, deadline.poll_ms()) == 1;
}

// Maps and futures.

TEST(Pool, MapReturnsResultsInTheOrderOfTheArguments) {
  Pool<int(int)> pool(2, square);
  for (const size_t chunk_size : {0U, 1U, 2U, 7U, 99U, 100U, 101U, 5000U}) {
    EXPECT_EQ(pool.map(numbers_to(100), {.chunk_size = chunk_size}),
              squares_to(100))
        << "chunks of " << chunk_size;
  }
  EXPECT_EQ(pool.deaths(), 0);
}

TEST(Pool, AMapOfNothingIsEmptyAndAMapOfARangeCounts) {
  Pool<int(int)> pool(3, square);
  EXPECT_TRUE(pool.map({}).empty());
  EXPECT_TRUE(pool.map_range(5, 5).empty());
  EXPECT_TRUE(pool.map_range(5, -5).empty());
  EXPECT_EQ(pool.map_range(-2, 3), (std::vector<int>{4, 1, 0, 1, 4}));
}

TEST(Pool, EachTaskIsDoneExactlyOnceWhateverTheChunkSize) {
  constexpr size_t kTasks = 5'000;
  const ipc::Shared<Counts<kTasks>> counts;
  Pool<int(int)> pool(3, [&](int task) { return ++(*counts)[task]; });
  int rounds = 0;
  for (const size_t chunk_size : {1U, 3U, 256U, 4999U}) {
    ++rounds;
    const auto results = pool.map_range(0, kTasks, {.chunk_size = chunk_size});
    EXPECT_EQ(std::count(results.begin(), results.end(), rounds), kTasks);
  }
}

TEST(Pool, TheWorkersAreForkedOnceAndAllOfThemWork) {
  const ipc::Shared<std::atomic<int>> begun;
  Pool<pid_t(int)> pool(3, [&](int) {
    ++*begun;
    await([&] { return *begun >= 3; });  // So no worker can do two.
    return ::getpid();
  });
  std::vector<pid_t> workers = pool.pids();
  std::vector<pid_t> seen = pool.map_range(0, 3, {.chunk_size = 1});
  std::sort(workers.begin(), workers.end());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, workers);
}

TEST(Pool, AFutureIsReadyWhenItsTaskIsDone) {
  const ipc::Shared<std::atomic<bool>> go;
  Pool<int(int)> pool(2, [&](int number) {
    if (number == 3) await([&] { return go->load(); });
    return square(number);
  });
  auto slow = pool.submit(3);
  auto fast = pool.submit(4);
  EXPECT_EQ(fast.get(), 16);
  EXPECT_FALSE(slow.ready());
  *go = true;
  EXPECT_EQ(slow.get(), 9);
  EXPECT_EQ(slow.get(), 9) << "may be repeated";
}

TEST(Pool, MoreFuturesThanThePoolHasSlotsWaitInOurOwnMemory) {
  Pool<int(int)> pool(2, [](int number) {
    if (number % 1000 == 999) throw std::runtime_error("unlucky");
    return square(number);
  });
  std::vector<ipc::Future<int>> futures;
  for (int i = 0; i < 3000; ++i) futures.push_back(pool.submit(i));
  for (int i = 2999; i >= 0; --i) {
    if (i % 1000 == 999) {
      EXPECT_THROW(futures[i].get(), ipc::TaskFailed);
    } else {
      EXPECT_EQ(futures[i].get(), square(i));
    }
  }
}

TEST(Pool, UnorderedResultsComeWhenTheyAreThere) {
  const ipc::Shared<std::atomic<bool>> go;
  Pool<int(int)> pool(2, [&](int number) {
    if (number == 0) await([&] { return go->load(); });
    return square(number);
  });
  auto batch = pool.start(numbers_to(20), {.chunk_size = 1});
  std::vector<bool> seen(20);
  for (int i = 0; i < 19; ++i) {
    const auto outcome = batch.next_until(limit());
    ASSERT_TRUE(outcome) << "the first task has held up the others";
    EXPECT_EQ(outcome->get(), square(static_cast<int>(outcome->task())));
    EXPECT_FALSE(seen[outcome->task()]) << "twice";
    seen[outcome->task()] = true;
  }
  EXPECT_FALSE(seen[0]);
  EXPECT_FALSE(batch.try_next());
  EXPECT_EQ(batch.left(), 1U);
  *go = true;
  EXPECT_EQ(batch.next()->task(), 0U);
  EXPECT_FALSE(batch.next()) << "all were returned";
}

TEST(Pool, LargeArgumentsAndResultsGoThroughSharedMemory) {
  using Block = std::array<double, 100'000>;
  Pool<Block(Block)> pool(2, [](const Block& block) {
    Block doubled = block;
    for (double& number : doubled) number *= 2;
    return doubled;
  });
  std::vector<Block> blocks(8);
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i].fill(static_cast<double>(i));
  }
  const std::vector<Block> doubled = pool.map(blocks, {.chunk_size = 1});
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(std::count(doubled[i].begin(), doubled[i].end(), 2.0 * i),
              std::ssize(doubled[i]));
  }
}

TEST(Pool, ACallThatNeverFitsIsRefusedAndOneThatDoesNotFitYetWaits) {
  using Block = std::array<char, 100'000>;
  Pool<Block(int)> pool(2,
                        [](int number) {
                          Block block;
                          block.fill(static_cast<char>(number));
                          return block;
                        },
                        {.memory_bytes = 1'000'000});
  EXPECT_THROW(pool.map_range(0, 11), std::length_error);
  std::vector<ipc::Future<Block>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(i));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(futures[i].get()[99'999], i);
}

// Failures of tasks.

TEST(Pool, AnExceptionComesOutWithItsTextAndHarmsNoOtherTask) {
  Pool<int(int)> pool(2, [](int number) {
    if (number % 3 == 1)
      throw std::out_of_range("no " + std::to_string(number));
    if (number == 5) throw 7;
    return number;
  });
  const auto outcomes = pool.start(numbers_to(9), {.chunk_size = 4}).outcomes();
  ASSERT_EQ(outcomes.size(), 9U);
  for (int i = 0; i < 9; ++i) {
    const Outcome<int>& outcome = outcomes[i];
    EXPECT_EQ(outcome.task(), static_cast<size_t>(i));
    const bool threw = i % 3 == 1 || i == 5;
    EXPECT_EQ(outcome.end(), threw ? TaskEnd::threw : TaskEnd::returned);
    if (!threw) {
      EXPECT_EQ(outcome.get(), i);
    }
  }
  EXPECT_EQ(outcomes[4].text(), "no 4");
  EXPECT_EQ(outcomes[5].text(), "unknown exception");
  try {
    (void)pool.map(numbers_to(9));
    FAIL() << "the first failure is thrown";
  } catch (const ipc::TaskFailed& error) {
    EXPECT_EQ(error.task(), 1U);
    EXPECT_STREQ(error.what(), "task 1: no 1");
  }
  EXPECT_EQ(pool.deaths(), 0);
}

TEST(Pool, OfVeryManyExceptionsTextsMayBeLostButNoFailureIs) {
  Pool<int(int)> pool(2, [](int number) -> int {
    throw std::runtime_error(std::string(1000, 'x') + std::to_string(number));
  });
  auto batch = pool.start(numbers_to(500), {.chunk_size = 10});
  int with_text = 0;
  for (const auto& outcome : batch.outcomes()) {
    EXPECT_EQ(outcome.end(), TaskEnd::threw);
    if (outcome.text().front() == 'x') ++with_text;
  }
  EXPECT_EQ(with_text, 64);
}

TEST(Pool, TheInitializerRunsOnceInEveryWorkerAlsoInANewOne) {
  static int prepared = 0;  // Each process has its own.
  Pool<int(int)> pool(2,
                      [](int number) {
                        if (number == -1) die();
                        return prepared;
                      },
                      {.initializer = [] { ++prepared; }});
  EXPECT_EQ(pool.map_range(0, 50, {.chunk_size = 1}), std::vector<int>(50, 1));
  EXPECT_THROW(pool.submit(-1).get(), ipc::WorkerDied);
  EXPECT_EQ(pool.map_range(0, 50, {.chunk_size = 1}), std::vector<int>(50, 1));
  EXPECT_EQ(prepared, 0);
}

TEST(Pool, AnInitializerThatAlwaysFailsEndsInAnErrorRatherThanEndlessForks) {
  Pool<int(int)> pool(2, square, {.initializer = [] {
                        throw std::runtime_error("no database");
                      }});
  EXPECT_THROW((void)pool.map_range(0, 10), std::runtime_error);
  EXPECT_LT(pool.deaths(), 20);
  EXPECT_THROW((void)pool.submit(1).get(), std::runtime_error);
}

// Deaths of workers.

TEST(Pool, AWorkerThatDiesCostsItsTaskAndNoOtherOfItsChunk) {
  const ipc::Shared<Counts<100>> counts;
  Pool<int(int)> pool(2, [&](int task) {
    ++(*counts)[task];
    if (task == 37) die();
    if (task == 64) ::_exit(3);
    return square(task);
  });
  for (const size_t chunk_size : {1U, 10U, 100U}) {
    for (auto& count : *counts) count = 0;
    auto batch = pool.start_range(0, 100, {.chunk_size = chunk_size});
    const auto outcomes = batch.outcomes();
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ((*counts)[i], 1) << "task " << i;
      if (i == 37 || i == 64) continue;
      EXPECT_EQ(outcomes[i].get(), square(i));
    }
    EXPECT_EQ(outcomes[37].text(), "its worker died: killed by SIGKILL");
    EXPECT_EQ(outcomes[64].text(), "its worker died: exit status 3");
    try {
      (void)outcomes[37].get();
      FAIL();
    } catch (const ipc::WorkerDied& error) {
      EXPECT_EQ(error.task(), 37U);
      EXPECT_EQ(error.signal(), SIGKILL);
      EXPECT_EQ(error.end(), TaskEnd::worker_died);
    }
  }
  EXPECT_EQ(pool.deaths(), 6);
  EXPECT_EQ(pool.pids().size(), 2U) << "the pool has filled its places";
}

TEST(Pool, ATaskWithRetriesIsDoneAgainByAnotherWorker) {
  const ipc::Shared<Counts<20>> counts;
  Pool<int(int)> pool(2, [&](int task) {
    if (++(*counts)[task] == 1 && task % 5 == 0) die();
    return square(task);
  });
  EXPECT_EQ(pool.map(numbers_to(20), {.chunk_size = 7, .retries = 1}),
            squares_to(20));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ((*counts)[i], i % 5 == 0 ? 2 : 1) << "task " << i;
  }
  EXPECT_EQ(pool.deaths(), 4);
}

TEST(Pool, ATaskThatKillsEveryWorkerIsGivenUpAfterItsRetries) {
  const ipc::Shared<std::atomic<int>> tries;
  Pool<int(int)> pool(2, [&](int task) {
    if (task == 4) {
      ++*tries;
      die();
    }
    return task;
  });
  auto batch = pool.start_range(0, 10, {.chunk_size = 10, .retries = 3});
  const auto outcomes = batch.outcomes();
  EXPECT_EQ(*tries, 4);
  EXPECT_EQ(std::count_if(outcomes.begin(), outcomes.end(),
                          [](const auto& outcome) { return !!outcome; }),
            9);
  EXPECT_EQ(outcomes[4].end(), TaskEnd::worker_died);
}

TEST(Pool, IdleWorkersThatAreKilledCostNothing) {
  Pool<int(int)> pool(3, square);
  for (int round = 1; round <= 20; ++round) {
    for (const pid_t pid : pool.pids()) ::kill(pid, SIGKILL);
    EXPECT_EQ(pool.map(numbers_to(10), {.chunk_size = 2}), squares_to(10));
    await([&] {  // Some may have died after the map was done.
      pool.look();
      return pool.deaths() == 3 * round;
    });
  }
}

// Shows torn results: a whole one is the same number throughout.
using Wide = std::array<int, 16UL * 1024>;

// Kills a worker again and again while tasks are in work, until `kills` have
// died and, without retries, a task was lost. Expects one outcome of each task:
// its whole result, or that its worker died.
template <typename Result, typename Check>
void kill_in_the_middle(int kills, Pool<Result(int)>& pool, int tasks,
                        const ipc::TaskOptions& options, Check check) {
  constexpr unsigned kSeed = 20'260'801;
  std::mt19937 random(kSeed);
  int sent = 0;  // Can exceed the deaths: some hit a dead worker.
  int died = 0;
  int64_t slowest_ns = 0;
  const int before = pool.deaths();
  const bool costs = options.retries == 0;
  while (pool.deaths() - before < kills || (costs && died == 0)) {
    auto batch = pool.start_range(0, tasks, options);
    std::vector<int> seen(static_cast<size_t>(tasks));
    while (batch.left() > 0) {
      const int64_t before_ns = ipc::now_ns();
      const auto outcome = batch.next_until(limit());
      ASSERT_TRUE(outcome) << "the pool hangs after " << pool.deaths()
                           << " deaths";
      slowest_ns = std::max(slowest_ns, ipc::now_ns() - before_ns);
      ++seen[outcome->task()];
      if (*outcome) {
        check(static_cast<int>(outcome->task()), outcome->get());
      } else {
        EXPECT_EQ(outcome->end(), TaskEnd::worker_died) << outcome->text();
        ++died;
      }
      if (random() % 8 != 0) continue;
      const std::vector<pid_t> pids = pool.pids();
      if (pids.empty()) continue;
      ::kill(pids[random() % pids.size()], SIGKILL);
      ++sent;
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), tasks)
        << "a task was lost or returned twice";
  }
  const int deaths = pool.deaths() - before;
  printf("seed %u: %d deaths of %d kills cost %d tasks, slowest %.1f ms\n",
         kSeed, deaths, sent, died, 1e-6 * static_cast<double>(slowest_ns));
  EXPECT_LE(died, costs ? deaths : 0);
}

TEST(Pool, TwoHundredKillsAmongSmallTasksLoseAndDoubleNothing) {
  Pool<int(int)> pool(2, [](int number) {
    for (std::atomic<int> i = 0; i < 2'000; ++i) {
    }
    return square(number);
  });
  const auto check = [](int task, int result) {
    EXPECT_EQ(result, square(task));
  };
  kill_in_the_middle(100, pool, 200, {.chunk_size = 1}, check);
  kill_in_the_middle(100, pool, 200, {.chunk_size = 16}, check);
}

// The first worker has died, and the owner is about to wind back. Meanwhile the
// second one takes a chunk, unseen by the owner, and dies as well.
struct WindingBack {
  std::atomic<int> begun[4] = {};
  std::atomic<pid_t> second{0};
  std::atomic<bool> go_on{false};
};
WindingBack* winding_back = nullptr;

class KillsTheSecond final : public ipc::Gate {
 public:
  void stop_at(std::string_view place, bool /*inner*/) override {
    if (place != "about to wind back" || winding_back->go_on) return;
    winding_back->go_on = true;
    await([] { return winding_back->begun[2] == 1; });
    ::kill(winding_back->second, SIGKILL);
  }
};

TEST(Pool, AChunkThatIsTakenWhileTheOwnerWindsBackIsNotForgotten) {
  const ipc::Shared<WindingBack> shared;
  winding_back = shared.get();
  Pool<int(int)> pool(2, [&](int task) {
    const int turn = ++shared->begun[task];
    if (task == 0 && turn == 1) {
      await([&] { return shared->begun[1] == 1; });
      die();
    }
    // Waits until the second one was replaced, so its death was dealt with.
    if (task == 0) await([&] { return shared->begun[3] == 1; });
    if (task == 1) shared->second = ::getpid();
    if (task == 1) await([&] { return shared->go_on.load(); });
    if (task == 2 && turn == 1) ::pause();
    return square(task);
  });
  KillsTheSecond gate;
  ipc::process_gate = &gate;
  auto batch = pool.start_range(0, 4, {.chunk_size = 1, .retries = 1});
  EXPECT_TRUE(batch.done_until(Deadline::after(scaled(5))));
  ipc::process_gate = nullptr;
  EXPECT_EQ(batch.left(), 4U);
  EXPECT_EQ(pool.deaths(), 2);
}

// Sends a signal to the first worker that comes to a place.
class Strikes final : public ipc::Gate {
 public:
  Strikes(std::string_view place, int signal) : place_(place), signal_(signal) {
    ipc::process_gate = this;
  }
  Strikes(const Strikes&) = delete;
  Strikes& operator=(const Strikes&) = delete;
  Strikes(Strikes&&) = delete;
  Strikes& operator=(Strikes&&) = delete;
  ~Strikes() { ipc::process_gate = nullptr; }

  void stop_at(std::string_view place, bool /*inner*/) override {
    if (is_of_this_process() || place != place_) return;
    if (!struck_->exchange(true)) ::raise(signal_);
  }
  [[nodiscard]] bool has_struck() const { return *struck_; }

 private:
  std::string place_;
  int signal_;
  ipc::Shared<std::atomic<bool>> struck_{false};
};

// Its number is lost: the owner must find the chunk, which no worker has.
TEST(Pool, AWorkerThatDiesBeforeItTakesItsChunkLeavesItToOthers) {
  for (const char* const place :
       {"pool: it looks", "pool: a number is drawn"}) {
    const Strikes strikes(place, SIGKILL);
    Pool<int(int)> pool(2, square);
    auto batch = pool.start_range(0, 6, {.chunk_size = 1});
    ASSERT_TRUE(batch.done_until(Deadline::after(scaled(10)))) << place;
    // The owner may not know of the death yet, if it has cost nothing.
    EXPECT_TRUE(strikes.has_struck()) << place;
    int sum = 0;
    while (const auto outcome = batch.next()) sum += outcome->get();
    EXPECT_EQ(sum, 0 + 1 + 4 + 9 + 16 + 25) << place;
  }
}

// There is room for one batch at a time. One worker has stopped while it looks
// at the first; the second batch waits until that worker was killed.
TEST(Pool, MemoryIsNotUsedAgainWhileAWorkerLooksAtIt) {
  constexpr int kTasks = 1000;
  const Strikes strikes("pool: a number is drawn", SIGSTOP);
  Pool<int(int)> pool(2, square, {.memory_bytes = 20'000});
  for (int round = 0; round < 2; ++round) {
    auto batch = pool.start_range(0, kTasks, {.chunk_size = 10});
    ASSERT_TRUE(batch.done_until(Deadline::after(scaled(20))));
    EXPECT_TRUE(strikes.has_struck());
    EXPECT_EQ(pool.deaths(), round);
  }
}

TEST(Pool, TwoHundredKillsInTheMiddleOfWritingAResultTearNone) {
  Pool<Wide(int)> pool(2, [](int number) {
    Wide wide;
    wide.fill(number);
    return wide;
  });
  kill_in_the_middle(200, pool, 128, {.chunk_size = 2},
                     [](int task, const Wide& result) {
                       EXPECT_EQ(std::count(result.begin(), result.end(), task),
                                 std::ssize(result))
                           << "torn";
                     });
}

TEST(Pool, OfTasksWithRetriesNoneFailsThoughAnyMayBeDoneTwice) {
  const ipc::Shared<std::atomic<int>> begun;
  Pool<int(int)> pool(2, [&](int number) {
    ++*begun;
    for (std::atomic<int> i = 0; i < 2'000; ++i) {
    }
    return square(number);
  });
  kill_in_the_middle(
      100, pool, 200, {.chunk_size = 4, .retries = 1000},
      [](int task, int result) { EXPECT_EQ(result, square(task)); });
}

TEST(Pool, AWorkerThatIsStoppedOrHangsIsReplacedAndItsTaskIsTooLate) {
  Pool<int(int)> pool(2, [](int number) {
    if (number == 1) ::raise(SIGSTOP);
    if (number == 2) {
      for (std::atomic<int> i = 0;; i = 1) {
      }
    }
    return square(number);
  });
  const double limit_s = scaled(0.3);
  const int64_t before_ns = ipc::now_ns();
  auto batch = pool.start(numbers_to(6), {.chunk_size = 3, .limit_s = limit_s});
  const auto outcomes = batch.outcomes();
  const double took_s = 1e-9 * static_cast<double>(ipc::now_ns() - before_ns);
  for (const size_t i : {0, 3, 4, 5}) EXPECT_TRUE(outcomes[i]);
  for (const size_t i : {1, 2}) {
    EXPECT_EQ(outcomes[i].end(), TaskEnd::too_late);
    EXPECT_THROW((void)outcomes[i].get(), ipc::WorkerDied);
    EXPECT_EQ(outcomes[i].text().rfind("took longer than ", 0), 0U);
  }
  EXPECT_GE(took_s, 2 * limit_s) << "one after the other, in one chunk";
  EXPECT_EQ(pool.deaths(), 2);
}

TEST(Pool, ALimitKillsNoWorkerThatMakesProgress) {
  Pool<int(int)> pool(2, [](int number) {
    ::usleep(10'000);
    return square(number);
  });
  // All in one chunk, which takes longer than the limit of a task.
  EXPECT_EQ(
      pool.map(numbers_to(60), {.chunk_size = 60, .limit_s = scaled(0.5)}),
      squares_to(60));
  EXPECT_EQ(pool.deaths(), 0);
}

TEST(Pool, AWorkerStoppedWithoutATaskHoldsUpNoCall) {
  Pool<int(int)> pool(2, square);
  ::kill(pool.pids().front(), SIGSTOP);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(pool.map(numbers_to(10), {.chunk_size = 1}), squares_to(10));
  }
}

TEST(Pool, ANumberOfTasksThatNoMemoryHoldsIsRefused) {
  Pool<int64_t(int64_t)> pool(1, [](int64_t number) { return number; });
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THROW((void)pool.map_range(kMin, kMax), std::length_error);
  EXPECT_THROW((void)pool.map_range(0, kMax), std::length_error);
  EXPECT_THROW((void)pool.map_range(0, (int64_t{1} << 61) + 1),
               std::length_error);
  EXPECT_EQ(pool.map_range(kMax - 2, kMax),
            (std::vector<int64_t>{kMax - 2, kMax - 1}));
}

// The worker forks inside its task and dies. Its child continues as if it were
// the worker: like one that was stopped, replaced, and continued again.
TEST(Pool, TheLateResultOfAWorkerThatWasReplacedIsThrownAway) {
  struct Stage {
    std::atomic<int> begun{0};
    std::atomic<bool> replaced{false};
    std::atomic<pid_t> late{0};
    std::atomic<bool> end{false};
  };
  const ipc::Shared<Stage> stage;
  for (int trial = 0; trial < 10; ++trial) {
    stage->begun = 0;
    stage->replaced = false;
    stage->late = 0;
    stage->end = false;
    Pool<int(int)> pool(1, [&](int task) {
      if (task == 1) {
        await([&] { return stage->end.load(); });
        return 1;
      }
      const int turn = ++stage->begun;
      if (turn > 1) return 7;  // The result that counts.
      if (::fork() != 0) die();
      stage->late = ::getpid();
      await([&] { return stage->replaced.load(); });
      return 666;  // Too late.
    });
    auto batch = pool.start(numbers_to(2), {.chunk_size = 1, .retries = 1});
    const auto first = batch.next_until(limit());
    ASSERT_TRUE(first);
    EXPECT_EQ(first->get(), 7);
    await([&] { return stage->late != 0; });
    const pid_t late = stage->late;
    stage->replaced = true;
    await([&] { return ipc::has_ended(late); });
    stage->end = true;
    EXPECT_EQ(batch.get(), (std::vector<int>{7, 1}));
  }
}

TEST(Pool, NoWorkerSurvivesThePoolsOwner) {
  for (int trial = 0; trial < 10; ++trial) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ipc::Process owner("Owner", [&] {
      ::close(ends[0]);
      Pool<int(int)> pool(2, [](int) {
        for (std::atomic<int> i = 0;; i = 1) {
        }
        return 0;
      });
      auto batch = pool.start_range(0, 2, {.chunk_size = 1});
      if (trial % 2 == 0) (void)batch.next_until(Deadline::after(0.02));
      die();
    });
    ::close(ends[1]);
    EXPECT_EQ(owner.join(), -SIGKILL);
    // The workers hold the other end: when it is closed, they are gone.
    EXPECT_TRUE(readable(ends[0], Deadline::after(scaled(1))));
    ::close(ends[0]);
  }
}

TEST(Pool, TheDestructorKillsBusyWorkersAndLeavesNothing) {
  const int before = open_fd_count();
  const ipc::Shared<std::atomic<int>> begun;
  for (int trial = 0; trial < 5; ++trial) {
    *begun = 0;
    {
      Pool<int(int)> pool(2, [&](int) {
        ++*begun;
        while (true) ::pause();
        return 0;
      });
      auto batch = pool.start_range(0, 4, {.chunk_size = 1});
      await([&] { return *begun == 2; });
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD) << "a child is left";
  }
  EXPECT_EQ(open_fd_count(), before);
}

TEST(Pool, TheCopyOfAPoolInAChildOwnsNothing) {
  auto pool = std::make_unique<Pool<int(int)>>(2, square);
  ipc::Process child("Child", [&] { pool.reset(); });
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(pool->map(numbers_to(10)), squares_to(10));
  EXPECT_EQ(pool->deaths(), 0);
}

TEST(Pool, AForkThatFailsIsTriedAgainWhileTheOthersWork) {
  Pool<int(int)> pool(2, [](int number) {
    if (number == 3) die();
    return square(number);
  });
  ipc::forks_that_fail = 3;
  auto batch = pool.start(numbers_to(100), {.chunk_size = 10});
  const auto outcomes = batch.outcomes();
  EXPECT_EQ(outcomes[3].end(), TaskEnd::worker_died);
  EXPECT_TRUE(outcomes[99]);
  await([&] {
    pool.look();
    return pool.pids().size() == 2;
  });
  EXPECT_EQ(ipc::forks_that_fail, 0);
}

TEST(Pool, WithoutAWorkerAndWithoutForksItThrows) {
  Pool<int(int)> pool(1, [](int number) {
    if (number == 0) die();
    return square(number);
  });
  auto future = pool.submit(0);
  auto other = pool.submit(2);
  ipc::forks_that_fail = 1'000'000;
  EXPECT_THROW((void)other.get(), std::system_error);
  ipc::forks_that_fail = 0;
  EXPECT_EQ(other.get(), 4) << "the pool works again when forks succeed";
  EXPECT_THROW((void)future.get(), ipc::WorkerDied);
}

// Cancelling, and the descriptor.

TEST(Pool, ATaskThatIsCancelledIsNotBegun) {
  const ipc::Shared<std::atomic<int>> begun;
  const ipc::Shared<std::atomic<bool>> go;
  Pool<int(int)> pool(2, [&](int number) {
    ++*begun;
    await([&] { return go->load(); });
    return square(number);
  });
  auto batch = pool.start(numbers_to(10), {.chunk_size = 1});
  await([&] { return *begun == 2; });
  batch.cancel();
  *go = true;
  int returned = 0;
  for (const auto& outcome : batch.outcomes()) {
    EXPECT_TRUE(outcome || outcome.end() == TaskEnd::cancelled);
    if (outcome) ++returned;
  }
  EXPECT_EQ(returned, 2);
  EXPECT_EQ(*begun, 2);
}

TEST(Pool, ATaskThatDiesAfterItWasCancelledIsNotDoneAgain) {
  const ipc::Shared<std::atomic<int>> begun;
  Pool<int(int)> pool(1, [&](int) {
    ++*begun;
    while (true) ::pause();
    return 0;
  });
  auto batch = pool.start(numbers_to(3), {.chunk_size = 3, .retries = 5});
  await([&] { return *begun == 1; });
  batch.cancel();
  ::kill(pool.pids().front(), SIGKILL);
  const auto outcomes = batch.outcomes();
  EXPECT_EQ(outcomes[0].end(), TaskEnd::worker_died);
  EXPECT_EQ(outcomes[1].end(), TaskEnd::cancelled);
  EXPECT_EQ(*begun, 1);
}

TEST(Pool, ABatchThatIsDroppedMakesRoomForOthers) {
  Pool<int(int)> pool(2, square, {.memory_bytes = 100'000});
  for (int i = 0; i < 200; ++i) {
    (void)pool.start_range(0, 5'000, {.chunk_size = 3});
  }
  EXPECT_EQ(pool.map(numbers_to(10)), squares_to(10));
}

TEST(Pool, TheDescriptorReportsResultsAndDeaths) {
  const ipc::Shared<std::atomic<bool>> go;
  Pool<int(int)> pool(2, [&](int number) {
    await([&] { return go->load(); });
    if (number == 1) die();
    return square(number);
  });
  const int fd = pool.fd();
  auto good = pool.submit(5);
  auto bad = pool.submit(1);
  EXPECT_FALSE(good.ready());
  *go = true;
  while (!good.ready() || !bad.ready()) {
    ASSERT_TRUE(readable(fd, limit()));
    pool.look();
  }
  EXPECT_EQ(good.get(), 25);
  EXPECT_THROW((void)bad.get(), ipc::WorkerDied);
}

TEST(Pool, WhatALookHasFoundIsReturnedWithoutAnotherLook) {
  Pool<int(int)> pool(2, square);
  const int fd = pool.fd();
  auto first = pool.start_range(3, 4);
  auto second = pool.start_range(5, 6);
  EXPECT_FALSE(first.next_seen()) << "there was no look yet";
  int seen = 0;
  while (seen < 2) {
    ASSERT_TRUE(readable(fd, limit()));
    pool.look();
    for (auto* batch : {&first, &second}) {
      if (const auto outcome = batch->next_seen()) {
        EXPECT_EQ(outcome->get(), batch == &first ? 9 : 25);
        ++seen;
      }
    }
  }
  EXPECT_FALSE(first.next_seen());
}

TEST(Pool, NewWorkWakesSleepersRatherThanTheClock) {
  Pool<int(int)> pool(2, square);
  constexpr int kRounds = 101;
  std::vector<int64_t> took_ns;
  for (int i = 0; i < kRounds; ++i) {
    const int64_t before_ns = ipc::now_ns();
    EXPECT_EQ(pool.submit(i).get(), square(i));
    took_ns.push_back(ipc::now_ns() - before_ns);
  }
  std::sort(took_ns.begin(), took_ns.end());
  // A lost wake-up would be noticed only after 100 ms, at the next recheck.
  EXPECT_LT(took_ns[kRounds / 2], ipc::to_ns(scaled(0.03)));
}

}  // namespace
