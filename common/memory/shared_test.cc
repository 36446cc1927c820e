#include "common/memory/shared.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "common/process/process.h"

namespace {

struct Board {
  explicit Board(int start, int step = 1) : number(start), step(step) {}
  int number;
  int step;
};

TEST(Shared, AChildsWriteIsSeenByTheParent) {
  int ordinary = 1;
  const ipc::Shared<Board> board(1, 5);
  ipc::Process child("child", [&] {
    ordinary = 2;
    board->number += board->step;
  });
  ASSERT_EQ(child.join(), 0);
  EXPECT_EQ(board->number, 6);
  EXPECT_EQ(ordinary, 1);
}

TEST(Shared, AChildCanMakeOneOfItsOwn) {
  const ipc::Shared<std::atomic<int>> seen(0);
  ipc::Process child("child", [&] {
    const ipc::Shared<std::atomic<int>> mine(7);
    seen->store(mine->load());
  });
  ASSERT_EQ(child.join(), 0);
  EXPECT_EQ(seen->load(), 7);
}

struct Counted {
  explicit Counted(std::atomic<int>& ends) : ends(&ends) {}
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { ++*ends; }
  std::atomic<int>* ends;  // Has the same address in both processes.
};

TEST(Shared, OnlyItsMakerDestroysTheObject) {
  const ipc::Shared<std::atomic<int>> ends(0);
  auto* const counted = new ipc::Shared<Counted>(*ends);
  ipc::Process child("child", [&] { delete counted; });
  ASSERT_EQ(child.join(), 0);
  EXPECT_EQ(ends->load(), 0);
  EXPECT_EQ((*counted)->ends, ends.get()) << "unmapped by the child, not by us";
  delete counted;
  EXPECT_EQ(ends->load(), 1);
}

struct Throws {
  Throws() { throw std::runtime_error("no"); }
};

int count_mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) ++count;
  return count;
}

TEST(Shared, AConstructorThatThrowsLeavesNoMapping) {
  EXPECT_THROW(ipc::Shared<Throws>(), std::runtime_error);
  const int before = count_mappings();
  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW(ipc::Shared<Throws>(), std::runtime_error);
  }
  EXPECT_LT(count_mappings(), before + 50);
}

TEST(Shared, AnImpossibleSizeIsAnError) {
  EXPECT_THROW(ipc::SharedPages(SIZE_MAX / 2), std::system_error);
  EXPECT_THROW(ipc::SharedPages(0), std::system_error);
}

TEST(Shared, PagesBeginWithZeros) {
  const ipc::SharedPages pages(10'000);
  const auto* const bytes = static_cast<const unsigned char*>(pages.data());
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(bytes[i], 0);
}

}  // namespace
