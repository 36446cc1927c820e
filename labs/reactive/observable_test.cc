#include "labs/reactive/observable.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "common/base/clock.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/sync/barrier.h"
#include "common/sync/event.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Change;
using ipc::Deadline;
using ipc::Observable;
using ipc::Process;
using ipc::Shared;
using ipc::Subscription;
using ipc::testing::limit;
using ipc::testing::status_of;

Deadline at_once() { return Deadline::at_ns(0); }

TEST(ObservableTest, NothingIsThereBeforeTheFirstValue) {
  const Shared<Observable<int>> number;
  EXPECT_EQ(number->latest().epoch, 0U);
  EXPECT_EQ(number->newer_until(0, at_once()).status, Change::timed_out);
}

TEST(ObservableTest, AFirstValueNeedsNoPublisher) {
  const Shared<Observable<int>> number(40);
  EXPECT_EQ(number->latest().value, 40);
  EXPECT_EQ(number->latest().epoch, 1U);
  EXPECT_EQ(number->newer_until(1, at_once()).status, Change::timed_out);
  number->begin();
  number->publish(2, 50);
  EXPECT_EQ(number->newer_until(1, at_once()).value, 50);
}

TEST(ObservableTest, AValueIsSeenOnceWithItsEpoch) {
  const Shared<Observable<int>> number;
  Subscription<int> numbers(*number);
  number->begin();
  number->publish(7, 70);
  const auto seen = numbers.next_until(at_once());
  EXPECT_TRUE(seen);
  EXPECT_EQ(seen.value, 70);
  EXPECT_EQ(seen.epoch, 7U);
  EXPECT_EQ(numbers.next_until(at_once()).status, Change::timed_out);
  EXPECT_EQ(number->latest().value, 70);
}

TEST(ObservableTest, AReaderThatFallsBehindSeesTheNewestAndHowManyItMissed) {
  const Shared<Observable<int>> number;
  Subscription<int> numbers(*number);
  number->begin();
  for (int i = 1; i <= 100; ++i) {
    number->publish(10 * static_cast<uint64_t>(i), i);
  }
  EXPECT_EQ(numbers.next_until(at_once()).value, 100);
  EXPECT_EQ(numbers.missed(), 99U);
  number->publish(1001, 101);
  EXPECT_EQ(numbers.next_until(at_once()).value, 101);
  EXPECT_EQ(numbers.missed(), 99U);
}

TEST(ObservableTest, ASleepingSubscriberIsWoken) {
  const Shared<Observable<int>> number;
  Process subscriber("Subscriber", [&] {
    Subscription<int> numbers(*number);
    const auto seen = numbers.next_until(limit());
    if (!seen || seen.value != 5) throw std::runtime_error("no 5");
  });
  ipc::testing::await_asleep(subscriber);
  number->begin();
  number->publish(1, 5);
  EXPECT_EQ(status_of(subscriber), 0);
}

TEST(ObservableTest, TheLastValueIsSeenBeforeTheEnd) {
  const Shared<Observable<int>> number;
  Subscription<int> numbers(*number);
  number->begin();
  number->publish(1, 5);
  number->end();
  EXPECT_EQ(numbers.next_until(limit()).value, 5);
  const auto after = numbers.next_until(limit());
  EXPECT_EQ(after.status, Change::ended);
  EXPECT_EQ(after.value, 5) << "the newest is still there";
}

TEST(ObservableTest, ASleeperIsWokenByTheEnd) {
  const Shared<Observable<int>> number;
  number->begin();
  Process subscriber("Subscriber", [&] {
    const auto seen = number->newer_until(0, limit());
    if (seen.status != Change::ended) throw std::runtime_error("no end");
  });
  ipc::testing::await_asleep(subscriber);
  number->end();
  EXPECT_EQ(status_of(subscriber), 0);
}

TEST(ObservableTest, SubscribersLearnThatThePublisherHasDied) {
  const Shared<Observable<int>> number;
  Process publisher("Publisher", [&] {
    number->begin();
    number->publish(1, 5);
    ::raise(SIGKILL);
  });
  Subscription<int> numbers(*number);
  EXPECT_EQ(numbers.next_until(limit()).value, 5);
  EXPECT_EQ(numbers.next_until(limit()).status, Change::died);
  EXPECT_EQ(status_of(publisher), -SIGKILL);
  number->begin();  // A successor.
  number->publish(2, 6);
  EXPECT_EQ(numbers.next_until(limit()).value, 6);
}

// Words that must be equal: a mixture of two values would show. There are so
// many words that the publisher reaches the same slot again while a reader
// copies it.
struct Wide {
  std::array<uint64_t, 256> copies{};

  explicit Wide(uint64_t number = 0) { copies.fill(number); }
  [[nodiscard]] bool is_whole(uint64_t number) const {
    return std::all_of(copies.begin(), copies.end(),
                       [=](uint64_t copy) { return copy == number; });
  }
};

TEST(ObservableTest, NoValueIsTorn) {
  const Shared<Observable<Wide>> wide;
  const Shared<ipc::Event> seen_enough;
  Process publisher("Publisher", [&] {
    wide->begin();
    for (uint64_t i = 1; !seen_enough->is_set(); ++i) {
      wide->publish(i, Wide(i));
    }
  });
  Subscription<Wide> values(*wide);
  for (int i = 0; i < 5'000; ++i) {
    const auto seen = values.next_until(limit());
    ASSERT_TRUE(seen);
    ASSERT_TRUE(seen.value.is_whole(seen.epoch)) << "at " << seen.epoch;
  }
  seen_enough->set();
  EXPECT_EQ(status_of(publisher), 0);
}

TEST(ObservableTest, APublisherThatIsKilledAnywhereLeavesAWholeValue) {
  for (uint64_t round = 0; round < 50; ++round) {
    const Shared<Observable<Wide>> wide;
    Process publisher("Publisher", [&] {
      wide->begin();
      for (uint64_t i = 1;; ++i) wide->publish(i, Wide(i));
    });
    ASSERT_TRUE(wide->newer_until(1 + 17 * round, limit()));
    publisher.kill();
    EXPECT_EQ(publisher.join(), -SIGKILL);
    const auto last = wide->latest();
    EXPECT_TRUE(last.value.is_whole(last.epoch)) << "at " << last.epoch;
  }
}

TEST(ObservableTest, OnlyOnePublishesAndOnlyForward) {
  const Shared<Observable<int>> number;
  const auto status_after = [&](const std::function<void()>& action) {
    Process process("Publisher", action);
    return status_of(process);
  };
  EXPECT_EQ(status_after([&] { number->publish(1, 5); }), -SIGABRT);
  EXPECT_EQ(status_after([&] {
              number->begin();
              number->publish(2, 5);
              number->publish(2, 6);
            }),
            -SIGABRT);
  number->begin();  // The one before has died.
  EXPECT_EQ(status_after([&] { number->publish(3, 5); }), -SIGABRT);
  EXPECT_EQ(status_after([&] { number->begin(); }), 1) << "an exception";
  EXPECT_FALSE(status_after([&] { ::_exit(number->try_begin() ? 1 : 0); }));
  number->begin();  // Calling it again does no harm.
  number->end();
  EXPECT_EQ(status_after([&] { number->begin(); }), 0);
}

// The one before has died, or has ended, or there was none.
TEST(ObservableTest, OfSeveralSuccessorsOneBeginsAndTheOthersAreRefused) {
  constexpr int kSuccessors = 3;
  for (int round = 0; round < 60; ++round) {
    const Shared<Observable<int>> number;
    Process first("First", [&] {
      if (round % 3 == 0) return;
      number->begin();
      number->publish(1, 1);
      if (round % 3 == 1) number->end();
    });
    ASSERT_EQ(status_of(first), 0);
    const Shared<ipc::Event> go;
    const Shared<ipc::Barrier> all_have_tried(kSuccessors);
    std::vector<Process> successors;
    for (int i = 0; i < kSuccessors; ++i) {
      successors.emplace_back("Successor", [&] {
        go->wait();
        const bool is_publisher = number->try_begin();
        for (int k = 0; is_publisher && k < 50; ++k) {
          number->publish(number->latest().epoch + 1, k);
        }
        // The end of one would let another in.
        (void)all_have_tried->wait_until(limit());
        ::_exit(is_publisher ? 3 : 0);
      });
    }
    go->set();
    int winners = 0;
    for (Process& successor : successors) {
      const int status = status_of(successor);
      EXPECT_TRUE(status == 0 || status == 3) << ipc::describe_status(status);
      if (status == 3) ++winners;
    }
    EXPECT_EQ(winners, 1) << "in round " << round;
    EXPECT_GE(number->latest().epoch, 50U);
  }
}

TEST(Observable, AProcessOfAnotherPidNamespaceIsRefused) {
  const Shared<Observable<int>> number;
  number->begin();
  ipc::testing::expect_refused({
      [&] { number->begin(); },
      [&] { (void)number->newer_until(0, Deadline::at_ns(0)); },
  });
}

}  // namespace
