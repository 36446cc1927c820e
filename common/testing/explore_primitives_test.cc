// The strongest test the library has: it explores the primitives in every order
// of their steps, with points inside of them, and with a process killed at each
// of these points. No order may end in a hang, and none may break an invariant.
//
// Each test prints how many schedules there are, and whether all were explored
// or only those with a few pre-emptions.
#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/channel/ring.h"
#include "common/explore/explorer.h"
#include "common/memory/shared.h"
#include "common/pool/internal/board.h"
#include "common/pool/internal/worker.h"
#include "common/process/process.h"
#include "common/sync/barrier.h"
#include "common/sync/condition.h"
#include "common/sync/event.h"
#include "common/sync/futex.h"
#include "common/sync/lock.h"
#include "common/sync/rlock.h"
#include "common/sync/semaphore.h"
#include "common/testing/explore_testing.h"

namespace {

using ipc::Deadline;
using ipc::Exploration;
using ipc::ExploreOptions;
using std::string_literals::operator""s;
using ipc::Guard;
using ipc::Scenario;
using ipc::Schedule;
using ipc::Shared;

using ipc::testing::bounded;
using ipc::testing::expect_early;
using ipc::testing::expect_outcomes;
using ipc::testing::kIsSanitized;
using ipc::testing::numbered;
using ipc::testing::Texts;
using ipc::testing::very_late;
using ipc::testing::whole;

// What a lock protects: `inside` is 0 unless a process is inside, or died
// there.
template <typename Lock>
struct LockBoard {
  Lock lock;
  int inside = 0;
  int done = 0;
};

template <typename Lock>
void take_turn(LockBoard<Lock>& board, int depth) {
  Guard guard(board.lock);
  if (guard.owner_died()) {
    board.inside = 0;
    guard.repaired();
  }
  IPC_CHECK(board.inside == 0 && "half changed, without a notice");
  ++board.inside;
  ipc::inner_point("inside");
  if (depth > 1) {
    const Guard again(board.lock);
    IPC_CHECK(board.inside == 1);
  }
  --board.inside;
  ++board.done;
}

template <typename Lock>
Scenario lock(int processes, int depth = 1) {
  return [=](Schedule& schedule) {
    const Shared<LockBoard<Lock>> board;
    schedule.always([&] { return board->inside > 1 ? "two are inside" : ""; });
    for (int i = 0; i < processes; ++i) {
      schedule.add(numbered("Owner", i), [&] { take_turn(*board, depth); });
    }
    schedule.run();
    // The kernel hands a lock on at once. With three processes, the one that
    // was woken may die before it acts; then another must look again by itself.
    if (processes == 2 && schedule.time_passed() > 0) return "late"s;
    return std::to_string(board->done) + " were inside";
  };
}

TEST(ExploreLock, LetsInOneAtATime) {
  expect_outcomes("Lock, 2", lock<ipc::Lock>(2), whole(), {"2 were inside"});
  expect_outcomes("Lock, 3", lock<ipc::Lock>(3), whole(), {"3 were inside"});
}

TEST(ExploreLock, IsHandedOnWhoeverDies) {
  expect_outcomes("Lock, 2, one death", lock<ipc::Lock>(2), whole(1),
                  {"1 were inside", "2 were inside"});
  expect_outcomes("Lock, 3, one death", lock<ipc::Lock>(3), whole(1),
                  {"2 were inside", "3 were inside"});
  // The second death may be that of the process that was about to repair.
  expect_outcomes("Lock, 3, two deaths", lock<ipc::Lock>(3), bounded(0, 2),
                  {"1 were inside", "2 were inside", "3 were inside"});
}

TEST(ExploreRLock, IsHandedOnWhoeverDies) {
  expect_outcomes("RLock, 2", lock<ipc::RLock>(2, 2), whole(),
                  {"2 were inside"});
  expect_outcomes("RLock, 2, one death", lock<ipc::RLock>(2, 2), whole(1),
                  {"1 were inside", "2 were inside"});
  expect_outcomes("RLock, 3", lock<ipc::RLock>(3, 2), bounded(1),
                  {"3 were inside"});
}

Scenario event(int waiters) {
  return [=](Schedule& schedule) -> std::string {
    struct Board {
      ipc::Event event;
      std::atomic<int> answer{0};
    };
    const Shared<Board> board;
    for (int i = 0; i < waiters; ++i) {
      schedule.add(numbered("Waiter", i), [&] {
        const Deadline late = very_late();
        const bool was_set = board->event.wait_until(late);
        IPC_CHECK(was_set == board->event.is_set());
        if (was_set) expect_early(late);
        IPC_CHECK(!was_set || board->answer == 42);
      });
    }
    schedule.add("Setter", [&] {
      board->answer = 42;
      board->event.set();
    });
    schedule.run();
    return board->event.is_set() ? "set, and all went on" : "not set";
  };
}

TEST(ExploreEvent, LetsAllContinue) {
  expect_outcomes("Event, 1 waiter", event(1), whole(),
                  {"set, and all went on"});
  expect_outcomes("Event, 2 waiters", event(2), whole(),
                  {"set, and all went on"});
}

TEST(ExploreEvent, LetsAllContinueWhoeverDies) {
  expect_outcomes("Event, 1 waiter, one death", event(1), whole(1),
                  {"not set", "set, and all went on"});
  expect_outcomes("Event, 2 waiters, one death", event(2), whole(1),
                  {"not set", "set, and all went on"});
}

// A waiter that waits while the event is set and cleared again must return.
std::string pulse(Schedule& schedule) {
  const Shared<ipc::Event> event;
  const Shared<std::atomic<bool>> waits(false);
  schedule.add("Waiter", [&] {
    *waits = true;
    const Deadline late = very_late();
    if (event->wait_until(late)) expect_early(late);
  });
  schedule.add("Setter", [&] {
    event->set();
    event->clear();
  });
  schedule.run();
  return event->is_set() ? "set" : "clear";
}

TEST(ExploreEvent, MayBeClearedAtOnce) {
  expect_outcomes("Event, set and cleared", pulse, whole(), {"clear"});
}

template <typename Semaphore>
Scenario semaphore(int workers, uint32_t permits) {
  struct Board {
    Semaphore semaphore;
    std::atomic<uint32_t> holders{0};
    explicit Board(uint32_t count) : semaphore(count) {}
  };
  return [=](Schedule& schedule) {
    const Shared<Board> board(permits);
    schedule.always([&] {
      return board->holders > permits || board->semaphore.value() > permits
                 ? "more than there are permits"
                 : "";
    });
    for (int i = 0; i < workers; ++i) {
      schedule.add(numbered("Worker", i), [&] {
        board->semaphore.acquire();
        ++board->holders;
        ipc::inner_point("with a permit");
        --board->holders;
        board->semaphore.release();
      });
    }
    schedule.run();
    return std::to_string(board->semaphore.value()) + " permits";
  };
}

// The process that dies may hold the permit: it comes back, or is lost.
template <typename Semaphore>
Scenario mortal_semaphore() {
  return [](Schedule& schedule) {
    const Shared<Semaphore> permits(1U);
    const Shared<std::atomic<int>> done(0);
    for (int i = 0; i < 2; ++i) {
      schedule.add(numbered("Worker", i), [&] {
        const Deadline late = very_late();
        if (!permits->acquire_until(late)) return;
        expect_early(late);
        ipc::inner_point("with a permit");
        ++*done;
        permits->release();
      });
    }
    schedule.run();
    return std::to_string(permits->value()) + " permits, " +
           std::to_string(*done) + " done";
  };
}

TEST(ExploreSemaphore, GivesNoMoreThanItHas) {
  expect_outcomes("Semaphore, 2 for 1", semaphore<ipc::Semaphore>(2, 1),
                  whole(), {"1 permits"});
  expect_outcomes("Semaphore, 3 for 2", semaphore<ipc::Semaphore>(3, 2),
                  bounded(2), {"2 permits"});
  expect_outcomes("BoundedSemaphore, 2 for 1",
                  semaphore<ipc::BoundedSemaphore>(2, 1), bounded(3),
                  {"1 permits"});
  expect_outcomes("BoundedSemaphore, 3 for 2",
                  semaphore<ipc::BoundedSemaphore>(3, 2), bounded(1),
                  {"2 permits"});
}

TEST(ExploreSemaphore, TakesThePermitOfTheDeadBackIfItIsBounded) {
  expect_outcomes("BoundedSemaphore, one death",
                  mortal_semaphore<ipc::BoundedSemaphore>(), bounded(2, 1),
                  {"1 permits, 1 done", "1 permits, 2 done"});
  // With a plain semaphore the permit is lost, but no process with a deadline
  // hangs.
  expect_outcomes("Semaphore, one death", mortal_semaphore<ipc::Semaphore>(),
                  whole(1),
                  {"0 permits, 0 done", "0 permits, 1 done",
                   "1 permits, 1 done", "1 permits, 2 done"});
}

struct Shop {
  ipc::Lock lock;
  ipc::Condition changed;
  int added = 0;
  int taken = 0;
};

void enter_shop(Guard& guard) {
  // Each change is a single store, so nothing can be half changed.
  if (guard.owner_died()) guard.repaired();
}

// One item for each consumer, and one notify_one() for each item.
Scenario condition(int consumers) {
  return [=](Schedule& schedule) {
    const Shared<Shop> shop;
    for (int i = 0; i < consumers; ++i) {
      schedule.add(numbered("Consumer", i), [&] {
        Guard guard(shop->lock);
        enter_shop(guard);
        const Deadline late = very_late();
        if (!shop->changed.wait_until(
                guard, late, [&] { return shop->taken < shop->added; })) {
          return;
        }
        expect_early(late);
        ++shop->taken;
      });
    }
    schedule.add("Producer", [&] {
      for (int i = 0; i < consumers; ++i) {
        Guard guard(shop->lock);
        enter_shop(guard);
        ++shop->added;
        shop->changed.notify_one();
      }
    });
    schedule.run();
    return std::to_string(shop->taken) + " of " + std::to_string(shop->added) +
           " taken";
  };
}

TEST(ExploreCondition, LosesNoWakeUp) {
  expect_outcomes("Condition, 1 consumer", condition(1), whole(),
                  {"1 of 1 taken"});
  expect_outcomes("Condition, 2 consumers", condition(2), bounded(1),
                  {"2 of 2 taken"});
}

TEST(ExploreCondition, LosesNoWakeUpWhoeverDies) {
  expect_outcomes("Condition, 1 consumer, one death", condition(1), whole(1),
                  {"0 of 0 taken", "0 of 1 taken", "1 of 1 taken"});
  expect_outcomes(
      "Condition, 2 consumers, one death", condition(2), bounded(0, 1),
      {"0 of 0 taken", "1 of 1 taken", "1 of 2 taken", "2 of 2 taken"});
}

// What is known of a party of the barrier.
struct Party {
  bool waits = false;  // It waits, or did so when it died.
  bool dead = false;
};

void note_waiters(const Schedule& schedule, std::vector<Party>& parties) {
  parties.resize(schedule.size());
  for (size_t i = 0; i < schedule.size(); ++i) {
    Party& party = parties[i];
    if (!schedule.was_killed(i)) {
      party.waits = schedule.state(i) == Schedule::State::waiting &&
                    schedule.place(i) == "the Barrier";
    } else if (!party.dead) {
      party.dead = true;
      // A party that died after the deadline had passed did not wait any more.
      party.waits = party.waits && schedule.time_passed() == 0;
    }
  }
}

// No process notices a death before arrival: then it takes the deadline.
std::string barrier_outcome(const Schedule& schedule, int through, bool late,
                            const std::vector<Party>& parties) {
  int living = 0;
  for (size_t i = 0; i < schedule.size(); ++i) {
    living += schedule.was_killed(i) ? 0 : 1;
    if (late && parties[i].dead && parties[i].waits) return "it hung";
  }
  if (through == 0) return late ? "none is through, late" : "none is through";
  if (late) return "through, but late";
  return through < living ? "some are not through" : "all who live are through";
}

// Only `comers` of the parties ever arrive.
Scenario barrier(int parties, int comers) {
  struct Board {
    ipc::Barrier barrier;
    std::atomic<int> through{0};
    std::atomic<bool> late{false};
    explicit Board(int count) : barrier(count) {}
  };
  return [=](Schedule& schedule) {
    const Shared<Board> board(parties);
    std::vector<Party> noted;
    schedule.always([&] {
      note_waiters(schedule, noted);
      return "";
    });
    for (int i = 0; i < comers; ++i) {
      schedule.add(numbered("Party", i), [&] {
        const Deadline late = very_late();
        if (board->barrier.wait_until(late)) ++board->through;
        if (late.expired()) board->late = true;
      });
    }
    schedule.run();
    return barrier_outcome(schedule, board->through, board->late, noted);
  };
}

Scenario barrier(int parties) { return barrier(parties, parties); }

TEST(ExploreBarrier, LetsAllThrough) {
  expect_outcomes("Barrier, 2", barrier(2), whole(),
                  {"all who live are through"});
  expect_outcomes("Barrier, 3", barrier(3), bounded(1),
                  {"all who live are through"});
}

TEST(ExploreBarrier, LetsAllOrNoneThroughWhoeverDies) {
  const Texts expected{"all who live are through", "none is through",
                       "none is through, late"};
  expect_outcomes("Barrier, 2, one death", barrier(2), whole(1), expected);
  expect_outcomes("Barrier, 3, one death", barrier(3), bounded(0, 1), expected);
  // A party that waits with the dead one learns of the death, and need not wait
  // for its deadline.
  expect_outcomes("Barrier, 3, 2 come, one death", barrier(3, 2), bounded(1, 1),
                  {"none is through", "none is through, late"});
}

// A message that shows whether it is written only in part.
std::string message(int producer, int number) {
  std::string text(20, static_cast<char>('a' + producer));
  return text + std::to_string(number);
}

struct QueueBoard {
  static constexpr size_t kMax = 4;
  std::atomic<size_t> count{0};
  std::array<std::array<char, 2>, kMax> got{};  // Producer and number.
};

void consume(ipc::Queue& queue, QueueBoard& board, int count) {
  for (int i = 0; i < count; ++i) {
    const Deadline late = very_late();
    const ipc::Taken taken = queue.get_until(late);
    if (!taken) return;
    expect_early(late);
    const char producer = taken->front();
    const char number = taken->back();
    IPC_CHECK(*taken == message(producer - 'a', number - '0'));
    board.got.at(board.count++) = {producer, number};
  }
}

// Returns the messages that came, those of each producer in their order of
// arrival. With several consumers they are sorted, because the consumer that
// takes the first may note it later. Then says whether the queue still works as
// a new one does.
std::string queue_outcome(QueueBoard& board, ipc::Queue& queue, int producers,
                          int consumers) {
  if (consumers > 1) std::sort(board.got.begin(), board.got.end());
  std::string text;
  for (int producer = 0; producer < producers; ++producer) {
    text += static_cast<char>('a' + producer);
    for (const auto& one : board.got) {
      if (one[0] == 'a' + producer) text += one[1];
    }
    text += ' ';
  }
  while (queue.try_get()) text += "and one left ";
  const bool works = queue.try_put("x") == ipc::QueueStatus::ok &&
                     queue.try_get() && queue.empty();
  return text + (works ? "usable" : "no longer usable");
}

// A queue with room for one message, so that putters wait as well.
Scenario queue(int producers, int items_each, int consumers = 1) {
  return [=](Schedule& schedule) {
    ipc::Queue queue(1, 64);
    const Shared<QueueBoard> board;
    for (int i = 0; i < producers; ++i) {
      schedule.add(numbered("Producer", i), [&, i] {
        for (int k = 0; k < items_each; ++k) {
          const Deadline late = very_late();
          const auto status = queue.put_until(message(i, k), late);
          if (status == ipc::QueueStatus::ok) expect_early(late);
        }
      });
    }
    const int items = producers * items_each / consumers;
    for (int i = 0; i < consumers; ++i) {
      schedule.add(numbered("Consumer", i),
                   [&] { consume(queue, *board, items); });
    }
    schedule.run();
    return queue_outcome(*board, queue, producers, consumers);
  };
}

TEST(ExploreQueue, LosesNothingDuplicatesNothingAndKeepsTheOrder) {
  expect_outcomes("Queue, 1 to 1", queue(1, 1), whole(), {"a0 usable"});
  expect_outcomes("Queue, 1 to 1, two items", queue(1, 2), bounded(2),
                  {"a01 usable"});
  expect_outcomes("Queue, 2 to 1", queue(2, 1), bounded(2), {"a0 b0 usable"});
  expect_outcomes("Queue, 2 to 1, two items each", queue(2, 2), bounded(1),
                  {"a01 b01 usable"});
  expect_outcomes("Queue, 1 to 2", queue(1, 2, 2), bounded(1), {"a01 usable"});
}

TEST(ExploreQueue, LosesAtMostOneWhoeverDies) {
  expect_outcomes("Queue, 1 to 1, one death", queue(1, 1), whole(1),
                  {"a and one left usable", "a usable", "a0 usable"});
  expect_outcomes("Queue, 1 to 1, two items, death", queue(1, 2), bounded(0, 1),
                  {"a and one left usable", "a usable",
                   "a0 and one left usable", "a0 usable", "a01 usable"});
  expect_outcomes(
      "Queue, 2 to 1, one death", queue(2, 1), bounded(0, 1),
      {"a b and one left usable", "a b0 and one left usable", "a b0 usable",
       "a0 b and one left usable", "a0 b usable", "a0 b0 usable"});
}

std::string closed_queue(Schedule& schedule) {
  ipc::Queue queue(1, 64);
  const Shared<QueueBoard> board;
  schedule.add("Producer", [&] {
    ipc::ensure(queue.put(message(0, 0)));
    queue.close();
  });
  schedule.add("Consumer", [&] {
    consume(queue, *board, 1);
    IPC_CHECK(queue.get().status == ipc::QueueStatus::closed);
  });
  schedule.run();
  return std::to_string(board->count) + " came";
}

TEST(ExploreQueue, ReportsToAllThatItIsClosed) {
  expect_outcomes("Queue, closed", closed_queue, bounded(3), {"1 came"});
}

struct RingBoard {
  size_t count = 0;
  std::array<int, 4> got{};
};

// What was taken and what is left in the ring must be all that was put, in
// order. Then checks whether new processes can use the ring.
std::string ring_outcome(RingBoard& board, ipc::SpscRing& ring, int max_items) {
  const uint64_t put_count = ring.tail();
  std::string text = std::to_string(put_count) + " put, " +
                     std::to_string(ring.head()) + " taken";
  while (ring.try_get(&board.got.at(board.count))) ++board.count;
  bool whole = board.count == put_count;
  for (int i = 0; i < static_cast<int>(board.count); ++i) {
    whole = whole && board.got.at(static_cast<size_t>(i)) == i;
  }
  if (!whole) text += ", and that is not what was put";
  int item = 0;
  for (int i = 0; i < max_items; ++i) {
    if (!ring.try_put(&item)) text += ", no longer usable";
  }
  if (ring.try_put(&item)) text += ", too big";
  return text;
}

// Neither side can wait in a schedule, because no process would wake it. So
// each side tries a few times.
Scenario ring(int max_items, int puts, int gets) {
  return [=](Schedule& schedule) {
    ipc::SpscRing ring(static_cast<size_t>(max_items), sizeof(int));
    const Shared<RingBoard> board;
    schedule.add("Producer", [&] {
      int next = 0;
      for (int i = 0; i < puts; ++i) next += ring.try_put(&next) ? 1 : 0;
    });
    schedule.add("Consumer", [&] {
      for (int i = 0; i < gets; ++i) {
        int item = 0;
        if (ring.try_get(&item)) board->got.at(board->count++) = item;
      }
    });
    schedule.run();
    return ring_outcome(*board, ring, max_items);
  };
}

TEST(ExploreRing, LosesNothingDuplicatesNothingAndKeepsTheOrder) {
  expect_outcomes("Ring of 1", ring(1, 3, 2), whole(),
                  {"1 put, 0 taken", "1 put, 1 taken", "2 put, 1 taken"});
  expect_outcomes("Ring of 2", ring(2, 3, 3), whole(),
                  {"2 put, 0 taken", "2 put, 1 taken", "2 put, 2 taken",
                   "3 put, 1 taken", "3 put, 2 taken"});
}

TEST(ExploreRing, LosesNothingWhoeverDies) {
  expect_outcomes(
      "Ring of 1, one death", ring(1, 3, 2), whole(1),
      {"0 put, 0 taken", "1 put, 0 taken", "1 put, 1 taken", "2 put, 1 taken"});
  expect_outcomes(
      "Ring of 2, both die", ring(2, 3, 3), whole(2),
      {"0 put, 0 taken", "1 put, 0 taken", "1 put, 1 taken", "2 put, 0 taken",
       "2 put, 1 taken", "2 put, 2 taken", "3 put, 1 taken", "3 put, 2 taken"});
}

// The workers of a pool, and what its owner does to give them a batch. In the
// end they wait for the next batch, so each schedule ends in a deadlock.
struct PoolPages {
  static constexpr size_t kChunks = 2;

  ipc::pool_internal::Board board;
  std::array<std::atomic<uint64_t>, kChunks> words{};
  std::array<std::atomic<ipc::pool_internal::TaskState>, kChunks> states{};
  std::array<int, kChunks> results{};
  std::array<std::atomic<int>, kChunks> done{};
};

Scenario pool_workers(int workers) {
  return [=](Schedule& schedule) {
    const Shared<PoolPages> pages;
    const auto offset = [&](const void* place) {
      return static_cast<uint64_t>(static_cast<const char*>(place) -
                                   reinterpret_cast<const char*>(pages.get()));
    };
    ipc::pool_internal::Plan plan;
    plan.memory = reinterpret_cast<std::byte*>(pages.get());
    plan.call = [&](ipc::pool_internal::Tasks& tasks) {
      while (tasks.left()) {
        (void)tasks.begin();
        ++pages->done.at(tasks.index());
        tasks.finish(0);
      }
    };
    auto& board = pages->board;
    auto& batch = board.batches[0];
    batch.chunk_size = 1;
    batch.chunk_count = batch.task_count = PoolPages::kChunks;
    batch.words = offset(&pages->words);
    batch.states = offset(&pages->states);
    batch.results = offset(&pages->results);
    for (int i = 0; i < workers; ++i) {
      const auto life = static_cast<uint32_t>(i + 1);
      board.desks[i].life = life;
      schedule.add(numbered("Worker", i), [&plan, i, life] {
        ipc::pool_internal::WorkerLoop(plan, i, life).run();
      });
    }
    schedule.add("Owner", [&] {
      batch.id = 1;
      board.tickets[0] = ipc::pool_internal::make_ticket(1, 0);
      board.tail = 1;
      board.sleepers.wake_all();
    });
    try {
      schedule.run();
    } catch (const ipc::BadEnd& end) {
      if (end.kind() != ipc::BadEnd::Kind::deadlock) throw;
    }
    std::string text;
    for (const auto& count : pages->done) text += std::to_string(count) + " ";
    return text + "times done";
  };
}

TEST(ExplorePool, DoesEachTaskExactlyOnce) {
  expect_outcomes("Pool, 1 worker", pool_workers(1), bounded(3),
                  {"1 1 times done"});
  expect_outcomes("Pool, 2 workers", pool_workers(2), bounded(2),
                  {"1 1 times done"});
}

// Sleep sets leave out only orders that make no difference.
TEST(ExploreReduction, FindsWhatAllOrdersFind) {
  if (!ipc::kMemoryWatchWorks) GTEST_SKIP() << "needs x86-64";
  if (kIsSanitized) GTEST_SKIP() << "takes too long with a sanitizer";
  const struct {
    const char* name;
    Scenario scenario;
    int kills;
    long schedules;  // docs/exploring.md quotes some of these.
  } spaces[] = {
      {"Lock, 2, one death", lock<ipc::Lock>(2), 1, 184},
      {"Lock, 3", lock<ipc::Lock>(3), 0, 3078},
      {"RLock, 2", lock<ipc::RLock>(2, 2), 0, 74},
      {"Event, 1 waiter, one death", event(1), 1, 48},
      {"Event, set and cleared", pulse, 0, 15},
      {"Semaphore, 2 for 1", semaphore<ipc::Semaphore>(2, 1), 0, 224},
      {"Semaphore, one death", mortal_semaphore<ipc::Semaphore>(), 1, 1230},
      {"BoundedSemaphore, 2 for 1", semaphore<ipc::BoundedSemaphore>(2, 1), 0,
       716},
      {"Condition, 1 consumer", condition(1), 0, 231},
      {"Barrier, 2", barrier(2), 0, 906},
      {"Queue, 1 to 1", queue(1, 1), 0, 450},
      {"Ring of 1, one death", ring(1, 3, 2), 1, 231},
  };
  for (const auto& small : spaces) {
    ExploreOptions options = whole(small.kills);
    const Exploration reduced = ipc::explore(small.scenario, options);
    options.reduce = false;
    const Exploration full = ipc::explore(small.scenario, options);
    EXPECT_EQ(reduced.texts(), full.texts()) << small.name;
    EXPECT_EQ(full.schedules, small.schedules) << small.name;
    printf("%-28s %5ld schedules, reduced %4ld and %4ld cut: %5.1f times\n",
           small.name, full.schedules, reduced.schedules, reduced.cut,
           static_cast<double>(full.choices) /
               static_cast<double>(reduced.choices));
  }
}

// The explorer must find what is wrong, with a short witness.

constexpr size_t kWitnessMax = 12;

void expect_found(const Scenario& scenario, const std::string& kind,
                  const std::string& text) {
  const Exploration found = ipc::explore(scenario, whole());
  const auto* const outcome = found.find(kind, text);
  ASSERT_NE(outcome, nullptr) << ::testing::PrintToString(found.texts());
  EXPECT_LE(outcome->witness.size(), kWitnessMax) << outcome->witness;
  const ipc::Replay shown = ipc::replay(scenario, whole(), outcome->witness);
  EXPECT_EQ(shown.kind, kind);
  EXPECT_EQ(shown.text, text);
  EXPECT_EQ(shown.steps.size(), outcome->witness.size());
}

TEST(ExploreWrong, NoLock) {
  const auto scenario = [](Schedule& schedule) {
    const Shared<int> count(0);
    for (int i = 0; i < 2; ++i) {
      schedule.add(numbered("Owner", i), [&] {
        const int seen = *count;
        ipc::inner_point("inside");
        *count = seen + 1;
      });
    }
    schedule.run();
    return std::to_string(*count);
  };
  expect_found(scenario, "outcome", "1");
}

// The kernel compares and sleeps in one step; here these are two steps.
TEST(ExploreWrong, ASleepThatDoesNotLookAgain) {
  const auto scenario = [](Schedule& schedule) -> std::string {
    const Shared<std::atomic<uint32_t>> is_set(0U);
    schedule.add("Waiter", [&] {
      while (*is_set == 0) {
        ipc::inner_point("before sleep");
        (void)ipc::gate()->sleep_on(is_set.get(), Deadline::never().ns(),
                                    false);
      }
    });
    schedule.add("Setter", [&] {
      *is_set = 1;
      ipc::futex_wake_all(*is_set);
    });
    schedule.run();
    return "all went on";
  };
  expect_found(scenario, "deadlock", "Waiter waits for something");
}

TEST(ExploreWrong, APredicateThatIsNotTestedAgain) {
  const auto scenario = [](Schedule& schedule) {
    const Shared<Shop> shop;
    for (int i = 0; i < 2; ++i) {
      schedule.add(numbered("Consumer", i), [&] {
        Guard guard(shop->lock);
        bool asked = shop->taken < shop->added;
        shop->changed.wait(guard, [&] { return std::exchange(asked, true); });
        ++shop->taken;
      });
    }
    schedule.add("Producer", [&] {
      Guard guard(shop->lock);
      ++shop->added;
      shop->changed.notify_all();
    });
    schedule.run();
    return std::to_string(shop->taken) + " of " + std::to_string(shop->added);
  };
  const Exploration found =
      ipc::explore(scenario, {.memory_only = true, .reduce = true});
  const auto* const outcome = found.find("outcome", "2 of 1");
  ASSERT_NE(outcome, nullptr);
  EXPECT_LE(outcome->witness.size(), kWitnessMax);
}

// The index says that there is a message before it is written.
TEST(ExploreWrong, AQueueThatPublishesFirst) {
  struct Ring {
    std::atomic<uint32_t> count{0};
    std::array<char, 4> message{'.', '.', '.', '.'};
    std::array<char, 4> got{};
  };
  const auto scenario = [](Schedule& schedule) {
    const Shared<Ring> ring;
    schedule.add("Producer", [&] {
      ring->count = 1;
      ipc::inner_point("published");
      ring->message = {'w', 'o', 'r', 'd'};
      ipc::futex_wake_all(ring->count);
    });
    schedule.add("Consumer", [&] {
      while (ring->count == 0) {
        ipc::futex_wait(ring->count, 0, Deadline::never());
      }
      ring->got = ring->message;
    });
    schedule.run();
    return std::string(ring->got.data(), ring->got.size());
  };
  expect_found(scenario, "outcome", "....");
}

}  // namespace
