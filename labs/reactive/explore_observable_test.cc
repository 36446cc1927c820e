// Observable in every order of its steps, with points inside of them, and with
// a process killed at each; see common/testing/explore_primitives_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/explore/explorer.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/testing/explore_testing.h"
#include "labs/reactive/observable.h"

namespace {

using ipc::Deadline;
using ipc::Scenario;
using ipc::Schedule;
using ipc::Shared;
using ipc::testing::bounded;
using ipc::testing::expect_early;
using ipc::testing::expect_outcomes;
using ipc::testing::numbered;
using ipc::testing::Texts;
using ipc::testing::very_late;
using ipc::testing::whole;

// A value whose halves must be equal: a torn one shows.
struct Whole {
  uint64_t epoch = 0;
  uint64_t again = 0;
};

struct ObservableBoard {
  ipc::Observable<Whole> observable;
  std::atomic<int> told{0};  // They saw the end, after the last value.
  std::atomic<int> died{0};
  std::atomic<int> late{0};
};

// Follows all values: to the end or, if there is to be none, to the last one. A
// subscriber that learns of the end has seen the last value.
void follow(ObservableBoard& board, uint64_t last, bool ends) {
  ipc::Subscription<Whole> values(board.observable);
  uint64_t before = 0;
  uint64_t count = 0;
  while (true) {
    const Deadline late = very_late();
    const auto seen = values.next_until(late);
    IPC_CHECK(seen.value.epoch == seen.epoch && seen.value.again == seen.epoch);
    if (seen) {
      expect_early(late);
      IPC_CHECK(seen.epoch > before);
      before = seen.epoch;
      ++count;
      if (ends || before != last) continue;
      ++board.told;
      return;
    }
    IPC_CHECK(count + values.missed() == before);
    if (seen.status == ipc::Change::timed_out) ++board.late;
    if (seen.status == ipc::Change::died) ++board.died;
    if (seen.status != ipc::Change::ended) return;
    expect_early(late);
    IPC_CHECK(before == last);
    ++board.told;
    return;
  }
}

Scenario observable(int subscribers, uint64_t values, bool ends = true) {
  return [=](Schedule& schedule) {
    const Shared<ObservableBoard> board;
    schedule.add("Publisher", [&] {
      board->observable.begin();
      for (uint64_t epoch = 1; epoch <= values; ++epoch) {
        board->observable.publish(epoch, {epoch, epoch});
      }
      if (ends) board->observable.end();
    });
    for (int i = 0; i < subscribers; ++i) {
      schedule.add(numbered("Subscriber", i),
                   [&] { follow(*board, values, ends); });
    }
    schedule.run();
    return std::to_string(board->told) + " followed, " +
           std::to_string(board->died) + " saw it die, " +
           std::to_string(board->late) + " late";
  };
}

TEST(ExploreObservable, ShowsTheLastValueToAllAndNoHalfOfOne) {
  expect_outcomes("Observable, 1 subscriber", observable(1, 1), whole(),
                  {"1 followed, 0 saw it die, 0 late"});
  expect_outcomes("Observable, 1, 3 values", observable(1, 3), bounded(2),
                  {"1 followed, 0 saw it die, 0 late"});
  expect_outcomes("Observable, 2 subscribers", observable(2, 1), bounded(1),
                  {"2 followed, 0 saw it die, 0 late"});
  // No later call wakes a subscriber that was forgotten.
  expect_outcomes("Observable, 2, no end", observable(2, 1, false), bounded(1),
                  {"2 followed, 0 saw it die, 0 late"});
}

TEST(ExploreObservable, ReportsTheDeathOfThePublisher) {
  // A process that dies before begin() is not yet the publisher.
  expect_outcomes(
      "Observable, 1, one death", observable(1, 1), bounded(2, 1),
      {"0 followed, 0 saw it die, 0 late", "0 followed, 0 saw it die, 1 late",
       "0 followed, 1 saw it die, 0 late", "1 followed, 0 saw it die, 0 late"});
  expect_outcomes(
      "Observable, 2, one death", observable(2, 1), bounded(0, 1),
      {"0 followed, 0 saw it die, 2 late", "0 followed, 2 saw it die, 0 late",
       "1 followed, 0 saw it die, 0 late", "2 followed, 0 saw it die, 0 late"});
}

// Two processes begin at once when their predecessor has ended, or died.
Scenario successors(bool predecessor_lives, bool is_followed) {
  struct Board {
    ObservableBoard board;
    std::atomic<int> began{0};
    std::atomic<int> refused{0};
  };
  return [=](Schedule& schedule) {
    const Shared<Board> shared;
    auto& observable = shared->board.observable;
    const auto publish = [&] {
      const uint64_t next = observable.latest().epoch + 1;
      observable.publish(next, {next, next});
    };
    const auto precede = [&] {
      observable.begin();
      publish();
    };
    if (predecessor_lives) {
      precede();
      observable.end();
    } else {
      ipc::Process predecessor("Predecessor", precede);
      IPC_CHECK(predecessor.join() == 0);
    }
    for (int i = 0; i < 2; ++i) {
      schedule.add(numbered("Successor", i), [&] {
        if (!observable.try_begin()) {
          ++shared->refused;
          return;
        }
        ++shared->began;
        publish();
        observable.end();
      });
    }
    const auto follow_all = [&] {
      ipc::Subscription<Whole> values(observable);
      uint64_t before = 0;
      const Deadline late = very_late();
      while (const auto seen = values.next_until(late)) {
        IPC_CHECK(seen.value.epoch == seen.epoch && seen.epoch > before);
        IPC_CHECK(seen.value.again == seen.epoch);
        before = seen.epoch;
      }
      expect_early(late);
      IPC_CHECK(before > 0);
    };
    if (is_followed) schedule.add("Subscriber", follow_all);
    schedule.run();
    return std::to_string(shared->began) + " began, " +
           std::to_string(shared->refused) + " refused, " +
           std::to_string(observable.latest().epoch) + " values";
  };
}

// Or the other begins when the first has ended.
TEST(ExploreObservable, LetsOneOfTwoSuccessorsBegin) {
  const Texts expected{"1 began, 1 refused, 2 values",
                       "2 began, 0 refused, 3 values"};
  expect_outcomes("Observable, after an end", successors(true, false),
                  bounded(3), expected);
  expect_outcomes("Observable, after a death", successors(false, false),
                  bounded(3), expected);
  expect_outcomes("Observable, after an end, seen", successors(true, true),
                  bounded(1), expected);
}

}  // namespace
