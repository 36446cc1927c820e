#include "common/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(UniqueFd, ClosesItsDescriptorWhenItGoesAway) {
  int number = -1;
  {
    const ipc::UniqueFd fd(open_null());
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, ReleaseLeavesTheDescriptorOpen) {
  ipc::UniqueFd fd(open_null());
  const int number = fd.release();
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(UniqueFd, MovingPassesOwnershipAndClosesWhatWasThere) {
  ipc::UniqueFd from(open_null());
  ipc::UniqueFd to(open_null());
  const int moved = from.get();
  const int closed = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), moved);
  EXPECT_FALSE(is_open(closed));
}

}  // namespace
