#include "common/sync/value.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <system_error>

#include "common/process/process.h"

namespace {

struct Pair {
  int left = 0;
  int right = 0;  // Equal to `left` whenever no process holds the lock.
};

TEST(Value, WithItsLockNoIncrementIsLost) {
  const ipc::Value<int> counter(5);
  const auto increment = [&] {
    for (int i = 0; i < 10'000; ++i) {
      const ipc::Guard guard(counter.get_lock());
      counter.value() += 1;
    }
  };
  ipc::Process first("first", increment);
  ipc::Process second("second", increment);
  EXPECT_EQ(first.join(), 0);
  EXPECT_EQ(second.join(), 0);
  EXPECT_EQ(counter.value(), 20'005);
}

TEST(Value, HoldsAnyStructOfPlainTypesAndBeginsWithItsDefaults) {
  struct Reading {
    double degrees = 20.5;
    char unit = 'C';
  };
  const ipc::Value<Reading> reading;
  EXPECT_EQ(reading.value().degrees, 20.5);
  EXPECT_EQ(reading.value().unit, 'C');
}

TEST(Value, TheGuardSaysThatAProcessDiedWhileChangingIt) {
  const ipc::Value<Pair> pair;
  ipc::Process victim("victim", [&] {
    const ipc::Guard guard(pair.get_lock());
    pair.value().left = 1;
    ::raise(SIGKILL);
  });
  EXPECT_EQ(victim.join(), -SIGKILL);
  {
    ipc::Guard guard(pair.get_lock());
    ASSERT_TRUE(guard.owner_died());
    EXPECT_NE(pair.value().left, pair.value().right);
    pair.value().right = pair.value().left;
    guard.repaired();
  }
  const ipc::Guard guard(pair.get_lock());
  EXPECT_FALSE(guard.owner_died());
}

TEST(Array, IsSharedAndKnowsItsSize) {
  const ipc::Array<double> array{1, 2, 3};
  ipc::Process child("child", [&] { array[2] = 7; });
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(array.size(), 3U);
  EXPECT_EQ(array.snapshot(), (std::vector<double>{1, 2, 7}));
  double sum = 0;
  for (const double item : array.span()) sum += item;
  EXPECT_EQ(sum, 10);
}

TEST(Array, BeginsWithZerosOrTheDefaultsOfItsType) {
  const ipc::Array<int> zeros(1000);
  EXPECT_EQ(zeros.snapshot(), std::vector<int>(1000, 0));
  struct Slot {
    int owner = -1;
  };
  const ipc::Array<Slot> slots(3);
  EXPECT_EQ(slots[2].owner, -1);
  EXPECT_EQ(ipc::Array<int>(0).size(), 0U);
}

TEST(Array, KeepsItsItemsAligned) {
  struct alignas(256) Line {
    char bytes[256];
  };
  const ipc::Array<Line> lines(2);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(&lines[0]) % 256, 0U);
  EXPECT_GE(reinterpret_cast<char*>(&lines[0]),
            reinterpret_cast<char*>(&lines.get_lock()) + sizeof(ipc::Lock));
}

// A writer sets all items to one number under the lock, again and again. A copy
// without the lock is sometimes torn; a snapshot never is.
TEST(Array, ASnapshotIsNeverTorn) {
  const ipc::Array<int> array(1000);
  ipc::Process writer("writer", [&] {
    for (int number = 1;; ++number) {
      const ipc::Guard guard(array.get_lock());
      for (int& item : array.span()) item = number;
    }
  });
  int changes = 0;
  std::vector<int> last;
  while (changes < 100) {
    std::vector<int> now = array.snapshot();
    ASSERT_EQ(std::count(now.begin(), now.end(), now[0]), 1000) << "torn";
    changes += now != last ? 1 : 0;
    last = std::move(now);
  }
}

TEST(ArrayDeathTest, AnIndexOutOfRangeIsCaught) {
  const ipc::Array<int> array(3);
  EXPECT_DEATH(array[3] = 1, "index < items_.size");
}

TEST(Array, AnImpossibleSizeIsAnError) {
  EXPECT_THROW(ipc::Array<int>(SIZE_MAX / 4), std::system_error);
  EXPECT_THROW(ipc::Array<int>(SIZE_MAX), std::system_error);
}

}  // namespace
