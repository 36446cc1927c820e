#include "common/channel/ring.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/testing/test_basics.h"

namespace {

using ipc::Deadline;
using ipc::Process;
using ipc::Shared;
using ipc::SpscRing;
using ipc::testing::limit;
using ipc::testing::status_of;

// Has more bytes than a cache line, and all of them depend on the number, so
// that the tests notice an item that is half old and half new.
struct Item {
  std::array<uint32_t, 20> words{};
};

Item item_of(uint32_t number) {
  Item item;
  for (uint32_t i = 0; i < item.words.size(); ++i) {
    item.words.at(i) = number * 31 + i;
  }
  return item;
}

void put(SpscRing& ring, uint32_t number, Deadline deadline = limit()) {
  const Item item = item_of(number);
  while (!ring.try_put(&item)) {
    if (deadline.expired()) ::_exit(3);
    ::sched_yield();
  }
}

// Whether the next item is the one with this number.
bool get(SpscRing& ring, uint32_t number, Deadline deadline = limit()) {
  Item item;
  while (!ring.try_get(&item)) {
    if (deadline.expired()) ::_exit(4);
    ::sched_yield();
  }
  return item.words == item_of(number).words;
}

TEST(SpscRing, WhatIsPutIsTakenInTheSameOrder) {
  SpscRing ring(4, sizeof(Item));
  for (uint32_t number = 0; number < 3; ++number) put(ring, number);
  for (uint32_t number = 0; number < 3; ++number) {
    EXPECT_TRUE(get(ring, number)) << number;
  }
}

// Also with more slots than max_items, and however full the ring is when its
// slots wrap.
TEST(SpscRing, IsFullWithMaxItemsAndEmptyWithNone) {
  for (const uint32_t max_items : {1U, 2U, 3U, 4U, 5U}) {
    SpscRing ring(max_items, sizeof(Item));
    uint32_t put_count = 0;
    uint32_t got_count = 0;
    const Item one_more = item_of(~0U);
    Item got;
    for (int round = 0; round < 10; ++round) {
      EXPECT_FALSE(ring.try_get(&got));
      while (ring.tail() - ring.head() < max_items) put(ring, put_count++);
      EXPECT_FALSE(ring.try_put(&one_more)) << max_items;
      EXPECT_TRUE(get(ring, got_count++));
      put(ring, put_count++);
      EXPECT_FALSE(ring.try_put(&one_more)) << max_items;
      while (got_count < put_count) EXPECT_TRUE(get(ring, got_count++));
    }
  }
}

TEST(SpscRing, ItsCountersOnlyGrow) {
  SpscRing ring(2, 1);
  char byte = 'x';
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(ring.tail(), i);
    EXPECT_TRUE(ring.try_put(&byte));
    EXPECT_EQ(ring.head(), i);
    EXPECT_TRUE(ring.try_get(&byte));
  }
  EXPECT_FALSE(ring.try_get(&byte));
  EXPECT_EQ(ring.tail(), 100U);
  EXPECT_EQ(ring.head(), 100U);
}

// No byte outside the item is read or written.
TEST(SpscRing, TakesItemsOfAnySize) {
  for (const size_t size : {1U, 63U, 64U, 65U, 5000U}) {
    SpscRing ring(3, size);
    for (char number = 0; number < 7; ++number) {
      const std::vector<char> item(size, static_cast<char>('a' + number));
      ASSERT_TRUE(ring.try_put(item.data()));
      std::vector<char> got(size + 2, '.');
      ASSERT_TRUE(ring.try_get(got.data() + 1));
      EXPECT_EQ(got.front(), '.');
      EXPECT_EQ(got.back(), '.');
      EXPECT_EQ(std::vector<char>(got.begin() + 1, got.end() - 1), item);
    }
  }
}

TEST(SpscRing, RefusesSizesThatMakeNoSense) {
  EXPECT_DEATH(SpscRing(0, 1), "max_items > 0");
  EXPECT_DEATH(SpscRing(1, 0), "item_bytes > 0");
}

TEST(SpscRing, CarriesItemsFromOneProcessToAnother) {
  // With others on the processors, each hand-over may take milliseconds.
  constexpr uint32_t kItems = 20'000;
  for (const uint32_t max_items : {1U, 3U, 64U}) {
    SpscRing ring(max_items, sizeof(Item));
    const uint32_t items = max_items == 1 ? kItems / 10 : kItems;
    Process producer("Producer", [&] {
      const Deadline deadline = limit();
      for (uint32_t i = 0; i < items; ++i) put(ring, i, deadline);
    });
    const Deadline deadline = limit();
    for (uint32_t i = 0; i < items; ++i) ASSERT_TRUE(get(ring, i, deadline));
    EXPECT_EQ(status_of(producer), 0);
  }
}

// For --config=tsan, which sees threads only: without the memory orders of the
// ring it reports the item as a race.
TEST(SpscRing, CarriesItemsFromOneThreadToAnother) {
  constexpr uint32_t kItems = 20'000;
  SpscRing ring(3, sizeof(Item));
  std::thread producer([&] {
    for (uint32_t i = 0; i < kItems; ++i) put(ring, i);
  });
  uint32_t good = 0;
  for (uint32_t i = 0; i < kItems; ++i) good += get(ring, i) ? 1 : 0;
  producer.join();
  EXPECT_EQ(good, kItems);
}

TEST(SpscRing, LogsWhatItSendsAndReceives) {
  static std::vector<std::pair<ipc::EventKind, std::string>> told;
  SpscRing ring(1, 1);
  char byte = 'x';
  const ipc::EventHook hook = ipc::event_hook;
  ipc::event_hook = [](ipc::EventKind kind, std::string_view, const void*,
                       std::string_view id) { told.emplace_back(kind, id); };
  const bool put_it = ring.try_put(&byte);
  const bool put_another = ring.try_put(&byte);
  const bool got_it = ring.try_get(&byte);
  ipc::event_hook = hook;
  EXPECT_TRUE(put_it && got_it && !put_another);
  const decltype(told) expected = {{ipc::EventKind::send, "0"},
                                   {ipc::EventKind::receive, "0"}};
  EXPECT_EQ(told, expected);
}

// What was received, and whether it was right. It is in shared memory, so that
// the successor of a consumer continues the counts.
struct Board {
  std::atomic<uint32_t> got{0};
  std::atomic<uint32_t> wrong{0};
};

// The successor of a killed producer continues at the tail, that of a killed
// consumer at the head. So no item is put twice, and none is missing except one
// that a consumer had taken and not yet looked at.
TEST(SpscRing, ASuccessorContinuesWhereTheKilledOneWas) {
  constexpr int kKills = 300;
  SpscRing ring(3, sizeof(Item));
  const Shared<Board> board;
  const auto produce = [&] {
    for (auto i = static_cast<uint32_t>(ring.tail());; ++i) put(ring, i);
  };
  const auto consume = [&] {
    for (auto i = static_cast<uint32_t>(ring.head());; ++i) {
      if (!get(ring, i)) ++board->wrong;
      ++board->got;
    }
  };
  Process producer("Producer", produce);
  Process consumer("Consumer", consume);
  std::minstd_rand random(20261130);
  for (int i = 0; i < kKills; ++i) {
    const bool kills_producer = random() % 2 == 0;
    Process& victim = kills_producer ? producer : consumer;
    ::usleep(random() % 500);  // Any instant will do.
    victim.kill();
    ASSERT_EQ(status_of(victim), -SIGKILL);
    if (kills_producer) {
      producer = Process("Producer", produce);
    } else {
      consumer = Process("Consumer", consume);
    }
    // The others are not held up.
    const uint32_t before = board->got;
    const Deadline deadline = limit();
    while (board->got - before < 10) {
      ASSERT_FALSE(deadline.expired()) << "after kill " << i;
      ::sched_yield();
    }
  }
  producer.kill();
  consumer.kill();
  EXPECT_EQ(status_of(producer), -SIGKILL);
  EXPECT_EQ(status_of(consumer), -SIGKILL);
  EXPECT_EQ(board->wrong, 0U);
  // Each death may have come between a get and its count.
  EXPECT_LE(ring.head() - board->got, static_cast<uint64_t>(kKills) + 1);
  EXPECT_LE(ring.tail() - ring.head(), 3U);
}

}  // namespace
