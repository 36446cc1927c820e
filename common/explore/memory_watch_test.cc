#include "common/explore/memory_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "common/memory/shared.h"

namespace {

using ipc::MemoryAccess;
using ipc::MemoryAccesses;
using ipc::SharedRegion;

struct Board {
  std::atomic<int> read{7};
  alignas(64) std::atomic<int> written{0};
  alignas(64) std::atomic<int> both{0};
  alignas(64) std::atomic<int> untouched{0};
  char text[200] = {};
};

// Whether one of `accesses` touches the object.
template <typename T>
bool touches(const MemoryAccesses& accesses, const T& object, bool writes) {
  const auto place = reinterpret_cast<uintptr_t>(&object);
  return std::any_of(accesses.begin(), accesses.end(), [&](MemoryAccess one) {
    return one.writes == writes && one.begin < place + sizeof(T) &&
           place < one.end;
  });
}

class MemoryWatch : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ipc::kMemoryWatchWorks) GTEST_SKIP() << "needs x86-64";
  }

  template <typename Work>
  MemoryAccesses watched(Work work) {
    MemoryAccesses accesses;
    const std::vector<SharedRegion> regions{{board_.get(), sizeof(Board)}};
    ipc::watch_memory(regions, &accesses);
    work();
    ipc::watch_memory(regions, nullptr);
    return accesses;
  }

  const ipc::Shared<Board> board_;
};

TEST_F(MemoryWatch, SeesWhatIsReadAndWhatIsWritten) {
  const MemoryAccesses accesses = watched([&] {
    const int seen = board_->read.load();
    board_->written.store(seen);
    board_->both.fetch_add(seen);
  });
  EXPECT_TRUE(touches(accesses, board_->read, false));
  EXPECT_FALSE(touches(accesses, board_->read, true));
  EXPECT_TRUE(touches(accesses, board_->written, true));
  EXPECT_FALSE(touches(accesses, board_->written, false));
  EXPECT_TRUE(touches(accesses, board_->both, true));
  EXPECT_FALSE(touches(accesses, board_->untouched, false));
  EXPECT_FALSE(touches(accesses, board_->untouched, true));
  EXPECT_EQ(board_->both.load(), 7);
}

// memset(3) uses instructions that write many bytes at a time.
TEST_F(MemoryWatch, SeesEachByteOfACopy) {
  for (size_t size = 1; size <= sizeof(Board::text); ++size) {
    const MemoryAccesses accesses =
        watched([&] { ::memset(board_->text, 'x', size); });
    for (size_t i = 0; i < size; ++i) {
      ASSERT_TRUE(touches(accesses, board_->text[i], true))
          << i << " of " << size;
    }
    ASSERT_FALSE(touches(accesses, board_->untouched, true)) << size;
  }
}

// An instruction that needs two pages gets both, and both must be protected
// again after it.
TEST_F(MemoryWatch, SeesWhatComesAfterAnAccessAcrossTwoPages) {
  constexpr size_t kPageBytes = 4096;
  struct Pages {
    alignas(kPageBytes) std::array<char, 2 * kPageBytes> bytes{};
  };
  const ipc::Shared<Pages> pages;
  for (const size_t next : {size_t{0}, kPageBytes}) {
    MemoryAccesses accesses;
    const std::vector<SharedRegion> regions{{pages.get(), sizeof(Pages)}};
    ipc::watch_memory(regions, &accesses);
    struct [[gnu::packed]] Unaligned {
      volatile uint64_t number;
    };
    reinterpret_cast<Unaligned*>(&pages->bytes[kPageBytes - 4])->number = 1;
    *static_cast<volatile char*>(&pages->bytes.at(next + 64)) = 1;
    ipc::watch_memory(regions, nullptr);
    EXPECT_TRUE(touches(accesses, pages->bytes.at(next + 64), true)) << next;
  }
}

TEST_F(MemoryWatch, NotesNothingAfterItWasEnded) {
  MemoryAccesses accesses = watched([&] { board_->written.store(1); });
  accesses.clear();
  board_->written.store(2);
  EXPECT_EQ(accesses.begin(), accesses.end());
  EXPECT_EQ(board_->written.load(), 2);
}

TEST_F(MemoryWatch, SaysThatThereWereMoreAccessesThanItCanKeep) {
  ipc::Shared<std::array<int64_t, 2 * MemoryAccesses::kMax>> many;
  MemoryAccesses accesses;
  const std::vector<SharedRegion> regions{{many.get(), sizeof *many}};
  ipc::watch_memory(regions, &accesses);
  for (int64_t& number : *many) number = 1;
  ipc::watch_memory(regions, nullptr);
  EXPECT_TRUE(accesses.all());
}

// A crash keeps its signal, although the regions are no longer there.
TEST_F(MemoryWatch, LeavesACrashAloneWhenARegionIsUnmapped) {
  constexpr size_t kPageBytes = 4096;
  const auto crash = [](bool while_watching) {
    void* const page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const std::vector<SharedRegion> regions{{page, kPageBytes}};
    MemoryAccesses accesses;
    ipc::watch_memory(regions, &accesses);
    if (!while_watching) ipc::watch_memory(regions, nullptr);
    ::munmap(page, kPageBytes);
    *static_cast<volatile int*>(page) = 1;
  };
  EXPECT_EXIT(crash(false), ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(crash(true), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(MemoryWatch, EndsAfterAStepThatHasUnmappedARegion) {
  constexpr size_t kPageBytes = 4096;
  void* const page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const std::vector<SharedRegion> regions{{page, kPageBytes},
                                          {board_.get(), sizeof(Board)}};
  MemoryAccesses accesses;
  ipc::watch_memory(regions, &accesses);
  ::munmap(page, kPageBytes);
  board_->written.store(1);
  ipc::watch_memory(regions, nullptr);
  EXPECT_TRUE(touches(accesses, board_->written, true));
  EXPECT_EQ(board_->written.load(), 1);
}

TEST(SharedRegions, AreThoseThatAreMappedAsShared) {
  const ipc::Shared<Board> board;
  const ipc::Shared<Board> other;
  const auto has = [](const auto& regions, const void* place) {
    return std::any_of(regions.begin(), regions.end(), [&](auto region) {
      const auto* const begin = static_cast<const char*>(region.data);
      return place >= begin && place < begin + region.size_bytes;
    });
  };
  const auto regions = ipc::shared_regions(nullptr);
  EXPECT_TRUE(has(regions, board.get()));
  EXPECT_TRUE(has(regions, other.get()));
  const int local = 0;
  EXPECT_FALSE(has(regions, &local));
}

TEST(OperandBytes, DependOnTheInstruction) {
  const auto bytes_of = [](std::vector<uint8_t> instruction) {
    return ipc::operand_bytes_max(instruction.data());
  };
  EXPECT_EQ(bytes_of({0x89, 0x07}), 8U);                    // mov %eax,(%rdi)
  EXPECT_EQ(bytes_of({0x48, 0x8b, 0x07}), 8U);              // mov (%rdi),%rax
  EXPECT_EQ(bytes_of({0xf0, 0x0f, 0xc1, 0x07}), 8U);        // lock xadd
  EXPECT_EQ(bytes_of({0xf0, 0x48, 0x0f, 0xb1, 0x17}), 8U);  // lock cmpxchg
  EXPECT_EQ(bytes_of({0x0f, 0xb6, 0x07}), 8U);              // movzbl
  EXPECT_EQ(bytes_of({0xf3, 0x0f, 0x6f, 0x07}), 16U);       // movdqu
  EXPECT_EQ(bytes_of({0x0f, 0x11, 0x07}), 16U);             // movups
  EXPECT_EQ(bytes_of({0xc5, 0xfe, 0x7f, 0x07}), 64U);       // vmovdqu
  EXPECT_EQ(bytes_of({0x62, 0xe1, 0xfe, 0x28}), 64U);       // vmovdqu64
}

}  // namespace
