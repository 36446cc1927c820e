#include "common/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>

namespace {

TEST(Random, NumbersDiffer) {
  std::set<uint64_t> numbers;
  for (int i = 0; i < 1000; ++i) numbers.insert(ipc::random_number<uint64_t>());
  EXPECT_EQ(numbers.size(), 1000U);
}

TEST(Random, AllBytesAreFilledAndNoneAfterThem) {
  constexpr size_t kSize = 256;
  std::array<unsigned char, kSize + 1> seen{};
  for (int i = 0; i < 10; ++i) {
    std::array<unsigned char, kSize + 1> bytes{};
    ipc::fill_random(bytes.data(), kSize);
    for (size_t place = 0; place <= kSize; ++place) seen[place] |= bytes[place];
  }
  for (size_t place = 0; place < kSize; ++place) EXPECT_NE(seen[place], 0);
  EXPECT_EQ(seen[kSize], 0);
}

TEST(RandomDeathTest, MoreThanOneCallCanReturnIsRefused) {
  std::array<unsigned char, 257> bytes{};
  EXPECT_DEATH(ipc::fill_random(bytes.data(), bytes.size()), "kOnePiece");
}

}  // namespace
