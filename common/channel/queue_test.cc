#include "common/channel/queue.h"

#include <dlfcn.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

// Whether a process that sleeps in futex_wait looks again after a while. It
// does so because a death may have swallowed a wake-up. Without a death the
// queue must work without these looks; if they are off, a lost wake-up is a
// hang.
bool looks_again = true;

// If they are off, each process also pauses before and after it sleeps or wakes
// another one, for varying times, so that rare orders become common.
void dawdle() {
  static uint32_t state = 0;
  if (state == 0) state = ::getpid();
  state = state * 1'664'525 + 1'013'904'223;
  if (state >> 30 == 0) ::usleep(state >> 20 & 63);
}

}  // namespace

// Replaces the C library's function, for futex_wait(). Like the kernel it
// always takes six arguments, even if there are fewer; AddressSanitizer would
// report that.
extern "C" __attribute__((no_sanitize_address)) long syscall(long number,
                                                             ...) noexcept {
  using Syscall = long (*)(long, ...);
  static const auto next =
      reinterpret_cast<Syscall>(::dlsym(RTLD_NEXT, "syscall"));
  std::array<long, 6> a{};
  va_list arguments;
  va_start(arguments, number);
  for (long& argument : a) argument = va_arg(arguments, long);
  va_end(arguments);
  const bool tested = number == SYS_futex && !looks_again;
  if (tested && a[1] == FUTEX_WAIT_BITSET) a[3] = 0;  // No timeout.
  if (tested) dawdle();
  const long result = next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  const int error = errno;
  if (tested) dawdle();
  errno = error;
  return result;
}

// A queue does not spin if the other process is on the same CPU. In these tests
// all processes seem to be, so that a process that waits falls asleep.
extern "C" int sched_getcpu() noexcept {
  static const auto next =
      reinterpret_cast<int (*)()>(::dlsym(RTLD_NEXT, "sched_getcpu"));
  return looks_again ? next() : 0;
}

namespace {

using ipc::Deadline;
using ipc::Process;
using ipc::Queue;
using ipc::QueueStatus;
using ipc::Shared;
using ipc::Taken;
using ipc::testing::await_asleep;
using ipc::testing::expect_in_time;
using ipc::testing::status_of;
using ipc::testing::stopped_at;

// A message of which every byte depends on both numbers.
std::string message_of(size_t size, size_t number) {
  std::string message(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    message[i] = static_cast<char>(i * 31 + i / 251 + number * 17);
  }
  return message;
}

// A child that takes one message, with exit status 0 if it is the expected one.
Process taker(Queue& queue, const char* expected) {
  return Process("Taker", [&queue, expected] {
    const Taken item = queue.get();
    ::_exit(item && *item == expected ? 0 : 1);
  });
}

// A child that puts one message; its exit status is the QueueStatus.
Process putter(Queue& queue, const char* item) {
  return Process(
      "Putter", [&queue, item] { ::_exit(static_cast<int>(queue.put(item))); });
}

// The tests in which no sleeper looks again.
class QueueWakeUps : public testing::Test {
 protected:
  void SetUp() override { looks_again = false; }
  void TearDown() override { looks_again = true; }
};

TEST(Queue, WhatIsPutIsTakenInTheSameOrder) {
  Queue queue(3);
  EXPECT_EQ(queue.put("first"), QueueStatus::ok);
  EXPECT_EQ(queue.put(""), QueueStatus::ok);
  EXPECT_EQ(queue.put(std::string("a\0b", 3)), QueueStatus::ok);
  EXPECT_EQ(*queue.get(), "first");
  EXPECT_EQ(*queue.get(), "");
  EXPECT_EQ(*queue.get(), std::string("a\0b", 3));
}

TEST(Queue, TakesIntoAStringThatIsUsedAgain) {
  Queue queue(3, 200);
  std::string item = "as it was";
  ipc::ensure(queue.put("a"));
  ipc::ensure(queue.put(message_of(100, 1)));
  EXPECT_EQ(queue.get_into(item), QueueStatus::ok);
  EXPECT_EQ(item, "a");
  EXPECT_EQ(queue.get_into(item), QueueStatus::ok);
  EXPECT_EQ(item, message_of(100, 1));
  const char* const memory = item.data();
  for (size_t i = 0; i < 100; ++i) {
    const size_t size = i % 10 == 0 ? 99 : 100;  // Round and round the ring.
    ensure(queue.put(message_of(size, i)));
    EXPECT_EQ(queue.get_into(item), QueueStatus::ok);
    EXPECT_EQ(item, message_of(size, i));
  }
  EXPECT_EQ(item.data(), memory);
  queue.close();
  EXPECT_EQ(queue.get_into(item), QueueStatus::closed);
  EXPECT_EQ(item, message_of(100, 99)) << "it stays as it was";
}

TEST(Queue, HasADifferentStatusForEachReasonToRefuse) {
  Queue queue(1);
  EXPECT_EQ(queue.try_get().status, QueueStatus::empty);
  EXPECT_EQ(queue.try_put("a"), QueueStatus::ok);
  EXPECT_EQ(queue.try_put("b"), QueueStatus::full);
  queue.close();
  EXPECT_EQ(queue.try_put("c"), QueueStatus::closed);
  EXPECT_EQ(queue.put("c"), QueueStatus::closed);
  EXPECT_EQ(*queue.try_get(), "a");
  EXPECT_EQ(queue.try_get().status, QueueStatus::closed);
  EXPECT_EQ(queue.get().status, QueueStatus::closed);
  EXPECT_FALSE(queue.get());

  EXPECT_STREQ(describe(QueueStatus::ok), "ok");
  EXPECT_STREQ(describe(QueueStatus::full), "full");
  EXPECT_STREQ(describe(QueueStatus::empty), "empty");
  EXPECT_STREQ(describe(QueueStatus::closed), "closed");
  EXPECT_STREQ(describe(QueueStatus::busy), "busy");
  EXPECT_NO_THROW(ensure(QueueStatus::ok));
  EXPECT_THROW(ensure(QueueStatus::closed), std::runtime_error);
}

TEST(Queue, PeekLeavesTheOldestMessageInTheQueue) {
  Queue queue(3);
  Process producer("Producer", [&] {
    ipc::ensure(queue.put("a"));
    ipc::ensure(queue.put("b"));
    queue.close();
  });
  EXPECT_EQ(*queue.peek(), "a");  // Waits for it.
  EXPECT_EQ(*queue.peek(), "a");
  EXPECT_EQ(*queue.get(), "a");
  EXPECT_EQ(*queue.get(), "b");
  EXPECT_EQ(queue.peek().status, QueueStatus::closed);
  EXPECT_EQ(ipc::testing::status_of(producer), 0);
}

TEST(Queue, MessagesThatItHadWhenItWasClosedCanStillBeTaken) {
  Queue queue(3);
  for (const char* item : {"a", "b", "c"}) ipc::ensure(queue.put(item));
  queue.close();
  for (const char* item : {"a", "b", "c"}) EXPECT_EQ(*queue.get(), item);
  EXPECT_EQ(queue.get().status, QueueStatus::closed);
}

TEST(Queue, HoldsAsManyMessagesAsItWasMadeForAndNoMore) {
  Queue queue(3);
  for (int round = 0; round < 500; ++round) {
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(queue.size(), i);
      EXPECT_FALSE(queue.full());
      ASSERT_EQ(queue.try_put(std::to_string(i)), QueueStatus::ok);
    }
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.size(), 3);
    ASSERT_EQ(queue.try_put("3"), QueueStatus::full);
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(queue.empty());
      ASSERT_EQ(*queue.try_get(), std::to_string(i));
    }
    EXPECT_TRUE(queue.empty());
  }
}

TEST(Queue, HoldsAsManyBytesAsItWasMadeForAndNoMore) {
  // Room for 5 messages of 1 to 8 bytes, and for 10 empty ones.
  Queue queue(1000, 80);
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(queue.try_put(message_of(1 + i, i)), QueueStatus::ok);
    }
    EXPECT_TRUE(queue.full());
    ASSERT_EQ(queue.try_put(""), QueueStatus::full);
    ASSERT_EQ(*queue.try_get(), message_of(1, 0));
    EXPECT_FALSE(queue.full());
    ASSERT_EQ(queue.try_put(message_of(9, 0)), QueueStatus::full);
    ASSERT_EQ(queue.try_put(message_of(8, 9)), QueueStatus::ok);
    for (int i = 1; i < 5; ++i) {
      ASSERT_EQ(*queue.try_get(), message_of(1 + i, i));
    }
    ASSERT_EQ(*queue.try_get(), message_of(8, 9));
    for (int i = 0; i < 10; ++i) ASSERT_EQ(queue.try_put(""), QueueStatus::ok);
    ASSERT_EQ(queue.try_put(""), QueueStatus::full);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(*queue.try_get(), "");
  }
}

TEST(Queue, AMessageBiggerThanTheQueueIsAnErrorAtOnce) {
  Queue queue(5, 100);
  EXPECT_EQ(queue.max_item_bytes(), 88);  // 96 bytes are 12 units, 1 for size.
  EXPECT_THROW((void)queue.put(message_of(89, 0)), std::length_error);
  EXPECT_THROW((void)queue.try_put(message_of(1 << 20, 0)), std::length_error);
  EXPECT_EQ(queue.try_put(message_of(88, 1)), QueueStatus::ok);
  EXPECT_EQ(*queue.get(), message_of(88, 1));
}

TEST(Queue, AMessageTooLongForItsHeaderIsAnErrorAtOnce) {
  const size_t too_long = (size_t{1} << 32) + 16;
  Queue queue(5, too_long + (1 << 20));
  EXPECT_EQ(queue.max_item_bytes(), (size_t{1} << 32) - 1);
  // Only the first of these bytes exists: no call looks at the others.
  const std::string_view item("x", too_long);
  EXPECT_THROW((void)queue.put(item), std::length_error);
  EXPECT_THROW((void)queue.try_put(item), std::length_error);
  EXPECT_EQ(queue.put("next"), QueueStatus::ok);
  EXPECT_EQ(*queue.get(), "next");
}

TEST(Queue, MessagesOfAllSizesStayWholeAtTheEndOfTheRing) {
  Queue queue(2, 7000);
  for (unsigned size = 0; size <= 3072; ++size) {
    ASSERT_EQ(queue.try_put(message_of(size, size)), QueueStatus::ok);
    if (size > 0) {
      ASSERT_EQ(*queue.try_get(), message_of(size - 1, size - 1));
    }
  }
}

TEST(Queue, ATimedPutAndGetGiveUpAtTheDeadlineAndNotBefore) {
  Queue queue(1);
  Deadline deadline = Deadline::after(0.15);  // Past one re-check.
  EXPECT_EQ(queue.get_until(deadline).status, QueueStatus::empty);
  EXPECT_TRUE(deadline.expired());
  ipc::ensure(queue.put("a"));
  deadline = Deadline::after(0.15);
  EXPECT_EQ(queue.put_until("b", deadline), QueueStatus::full);
  EXPECT_TRUE(deadline.expired());
  EXPECT_EQ(*queue.get_until(deadline), "a") << "there is one: no need to wait";
}

// Ends the process with 1 unless `holds`.
void require(bool holds) {
  if (!holds) ::_exit(1);
}

TEST(Queue, AProducerThatIsStoppedInItsPutHoldsUpNoCallWithADeadline) {
  Queue queue(5);
  ASSERT_EQ(queue.put("a"), QueueStatus::ok);
  Process stopped = stopped_at("queue: before publish", [&] {
    ::_exit(static_cast<int>(queue.put("from the stopped one")));
  });
  expect_in_time([&] {
    require(queue.try_put("b") == QueueStatus::busy);
    require(queue.put_until("b", Deadline::after(0.01)) == QueueStatus::busy);
    require(queue.size() == 1 && !queue.full());
    require(*queue.get() == "a");
    require(queue.try_get().status == QueueStatus::empty);
    queue.close();
    require(queue.try_get().status == QueueStatus::closed);
  });
  stopped.send_signal(SIGCONT);
  EXPECT_EQ(status_of(stopped), static_cast<int>(QueueStatus::closed));
  EXPECT_EQ(queue.get().status, QueueStatus::closed);
  EXPECT_EQ(queue.try_put("c"), QueueStatus::closed);
}

TEST(Queue, AConsumerThatIsStoppedInItsGetHoldsUpNoCallWithADeadline) {
  Queue queue(5);
  ASSERT_EQ(queue.put("a"), QueueStatus::ok);
  ASSERT_EQ(queue.put("b"), QueueStatus::ok);
  Process stopped = stopped_at("queue: before taking off",
                               [&] { ::_exit(*queue.get() == "a" ? 0 : 1); });
  expect_in_time([&] {
    require(queue.try_get().status == QueueStatus::busy);
    const Deadline soon = Deadline::after(0.01);
    require(queue.get_until(soon).status == QueueStatus::busy);
    require(queue.try_put("c") == QueueStatus::ok);
    queue.close();
  });
  stopped.send_signal(SIGCONT);
  EXPECT_EQ(status_of(stopped), 0);
  EXPECT_EQ(*queue.try_get(), "b");
  EXPECT_EQ(*queue.try_get(), "c");
  EXPECT_EQ(queue.try_get().status, QueueStatus::closed);
}

TEST(Queue, ATryDoesNotGiveUpBecauseOfAShortTurnOfAnother) {
  constexpr int kRounds = 2000;
  Queue queue(100);
  const Shared<std::atomic<int>> busy(0);
  std::vector<Process> putters;
  for (int i = 0; i < 3; ++i) {
    putters.emplace_back("Putter", [&] {
      for (int round = 0; round < kRounds; ++round) {
        QueueStatus status = QueueStatus::full;
        while (status != QueueStatus::ok) {
          status = queue.try_put("a");
          if (status == QueueStatus::busy) ++*busy;
        }
      }
    });
  }
  for (int i = 0; i < 3 * kRounds; ++i) ASSERT_EQ(*queue.get(), "a");
  for (Process& process : putters) EXPECT_EQ(status_of(process), 0);
  EXPECT_LT(*busy, kRounds / 100)
      << "some processes had no CPU for long while they had the turn";
}

TEST_F(QueueWakeUps, AMessageWakesAProcessThatWaitsForIt) {
  Queue queue(1);
  Process waits = taker(queue, "a");
  await_asleep(waits);
  ipc::ensure(queue.put("a"));
  EXPECT_EQ(status_of(waits), 0);
}

TEST_F(QueueWakeUps, RoomWakesAProcessThatWaitsForIt) {
  Queue queue(1);
  ipc::ensure(queue.put("a"));
  Process waits = putter(queue, "b");
  await_asleep(waits);
  EXPECT_EQ(*queue.get(), "a");
  EXPECT_EQ(status_of(waits), 0);
  EXPECT_EQ(*queue.get(), "b");
}

TEST_F(QueueWakeUps, TakingOneBigMessageWakesSeveralThatWaitForRoom) {
  Queue queue(100, 1000);
  ipc::ensure(queue.put(message_of(queue.max_item_bytes(), 0)));
  std::vector<Process> putters;
  for (int i = 0; i < 4; ++i) putters.push_back(putter(queue, "small"));
  for (const Process& process : putters) await_asleep(process);
  EXPECT_TRUE(queue.get());
  for (Process& process : putters) EXPECT_EQ(status_of(process), 0);
  EXPECT_EQ(queue.size(), 4);
}

TEST_F(QueueWakeUps, CloseWakesAllThatWaitForAMessage) {
  Queue queue(1);
  std::vector<Process> takers;
  for (int i = 0; i < 3; ++i) {
    takers.emplace_back("Taker",
                        [&] { ::_exit(static_cast<int>(queue.get().status)); });
  }
  for (const Process& process : takers) await_asleep(process);
  queue.close();
  queue.close();  // May be repeated.
  EXPECT_TRUE(queue.closed());
  for (Process& process : takers) {
    EXPECT_EQ(status_of(process), static_cast<int>(QueueStatus::closed));
  }
}

TEST_F(QueueWakeUps,
       CloseWakesAllThatWaitForRoomAndLosesNothingThatWasAccepted) {
  Queue queue(1);
  ipc::ensure(queue.put("a"));
  std::vector<Process> putters;
  for (int i = 0; i < 3; ++i) putters.push_back(putter(queue, "b"));
  for (const Process& process : putters) await_asleep(process);
  EXPECT_FALSE(queue.closed());
  queue.close();
  for (Process& process : putters) {
    EXPECT_EQ(status_of(process), static_cast<int>(QueueStatus::closed));
  }
  EXPECT_EQ(*queue.get(), "a");
  EXPECT_EQ(queue.get().status, QueueStatus::closed);
}

TEST_F(QueueWakeUps, NoneIsLostBetweenTwoProcessesThatWaitForEachOther) {
  constexpr int kRounds = 3000;
  Queue there(1);
  Queue back(1);
  Process echo("Echo", [&] {
    for (int i = 0; i < kRounds; ++i) ipc::ensure(back.put(*there.get()));
  });
  Process caller("Caller", [&] {
    for (int i = 0; i < kRounds; ++i) {
      ipc::ensure(there.put(std::to_string(i)));
      if (*back.get() != std::to_string(i)) ::_exit(1);
    }
  });
  EXPECT_EQ(status_of(caller), 0);
  EXPECT_EQ(status_of(echo), 0);
}

TEST_F(QueueWakeUps, NoneIsLostAmongManyThatAllWaitMostOfTheTime) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 4000;
  Queue queue(2);
  std::vector<Process> processes;
  for (int i = 0; i < kProcesses; ++i) {
    processes.emplace_back("Taker", [&] {
      for (int round = 0; round < kRounds; ++round) {
        if (*queue.get() != "a") ::_exit(1);
      }
    });
    processes.emplace_back("Putter", [&] {
      for (int round = 0; round < kRounds; ++round) ipc::ensure(queue.put("a"));
    });
  }
  for (Process& process : processes) EXPECT_EQ(status_of(process), 0);
  EXPECT_TRUE(queue.empty());
}

// The number of a producer and of its message, and bytes that depend on both.
std::string numbered(size_t producer, size_t number) {
  std::string text = std::to_string(producer) + " " + std::to_string(number);
  return text + " " + message_of((producer + 1) * number % 900, number);
}

TEST(Queue, ManyToManyLosesNothingRepeatsNothingAndKeepsTheProducersOrder) {
  constexpr size_t kProducers = 3;
  constexpr size_t kMessages = 8000;
  using Counts = std::array<std::atomic<uint8_t>, kProducers * kMessages>;
  const Shared<Counts> received;
  Queue queue(7, 4000);
  std::vector<Process> consumers;
  for (int i = 0; i < 2; ++i) {
    consumers.emplace_back("Consumer", [&] {
      std::array<long, kProducers> last{-1, -1, -1};
      while (const auto item = queue.get()) {
        char* rest = nullptr;
        const long producer = ::strtol(item->c_str(), &rest, 10);
        const long number = ::strtol(rest, nullptr, 10);
        const bool whole = *item == numbered(producer, number);
        if (!whole || number <= last.at(producer)) ::_exit(1);
        last.at(producer) = number;
        received->at(producer * kMessages + number) += 1;
      }
    });
  }
  std::vector<Process> producers;
  for (size_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back("Producer", [&queue, producer] {
      for (size_t number = 0; number < kMessages; ++number) {
        ipc::ensure(queue.put(numbered(producer, number)));
      }
    });
  }
  for (Process& producer : producers) EXPECT_EQ(status_of(producer), 0);
  queue.close();
  for (Process& consumer : consumers) EXPECT_EQ(status_of(consumer), 0);
  for (const auto& count : *received) ASSERT_EQ(count, 1);
}

TEST(Queue, AProducerKilledInTheMiddleOfAMessageLeavesNothingOfIt) {
  Queue queue(10, 1 << 18);
  ipc::ensure(queue.put("before"));
  constexpr size_t kHalf = 1 << 16;
  // The second half cannot be read: the copy faults there, with the turn held.
  void* const pages = ::mmap(nullptr, 2 * kHalf, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(::mprotect(static_cast<char*>(pages) + kHalf, kHalf, PROT_NONE), 0);
  for (int round = 0; round < 3; ++round) {
    Process killed("Killed", [&] {
      ipc::ensure(queue.put({static_cast<const char*>(pages), 2 * kHalf}));
    });
    EXPECT_EQ(status_of(killed), -SIGSEGV);
  }
  ::munmap(pages, 2 * kHalf);

  EXPECT_EQ(queue.size(), 1);
  EXPECT_EQ(*queue.get(), "before");
  EXPECT_EQ(queue.try_get().status, QueueStatus::empty);
  const std::string biggest = message_of(queue.max_item_bytes(), 1);
  EXPECT_EQ(queue.try_put(biggest), QueueStatus::ok);
  EXPECT_EQ(*queue.try_get(), biggest);
}

TEST(Queue, AKilledWaiterTakesNeitherAMessageNorAWakeUpWithIt) {
  Queue queue(1);
  for (int round = 0; round < 5; ++round) {
    Process killed = taker(queue, "a");
    await_asleep(killed);
    Process survivor = taker(queue, "a");
    await_asleep(survivor);
    killed.kill();
    // It may not be dead yet, so the wake-up may still go to it.
    ensure(queue.put("a"));
    EXPECT_EQ(killed.join(), -SIGKILL);
    EXPECT_EQ(status_of(survivor), 0);
  }
}

TEST(Queue, TheLogPairsWhatIsSentWithWhatIsReceived) {
  if (ipc::testing::logs_events()) {
    Queue queue(2);
    ipc::ensure(queue.put("a"));
    (void)queue.get();
    (void)queue.get_until(Deadline::after(0.001));
    ipc::ensure(queue.put("a"));
    ipc::ensure(queue.put("b"));
    (void)queue.put_until("c", Deadline::after(0.001));
    (void)queue.get();
    ::_exit(0);
  }
  const std::vector<std::string> expected{
      "send Queue 0",       "receive Queue 0", "wait Queue a message in",
      "wake Queue ",        "send Queue 1",    "send Queue 2",
      "wait Queue room in", "wake Queue ",     "receive Queue 1"};
  EXPECT_EQ(
      ipc::testing::events_of("Queue.TheLogPairsWhatIsSentWithWhatIsReceived",
                              ipc::testing::Ids::shown),
      expected);
}

}  // namespace
