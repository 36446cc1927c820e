#include "common/base/unique_fd.h"

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

TEST(UniqueFd, MovingPassesOwnershipAndClosesTheOldDescriptor) {
  ipc::UniqueFd from(open_null());
  ipc::UniqueFd to(open_null());
  const int moved = from.get();
  const int closed = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), moved);
  EXPECT_FALSE(is_open(closed));
}

TEST(UniqueFd, NeverHasTheNumberOfAStandardStream) {
  // As in a program that was started with `<&-`.
  const int kept = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
  ::close(STDIN_FILENO);
  ipc::UniqueFd fd(open_null());
  const bool was_left = is_open(STDIN_FILENO);
  ipc::UniqueFd second;
  second.reset(open_null());
  if (kept != -1) {
    ::dup2(kept, STDIN_FILENO);
    ::close(kept);
  }
  EXPECT_FALSE(was_left);
  for (const ipc::UniqueFd* const one : {&fd, &second}) {
    EXPECT_GT(one->get(), STDERR_FILENO);
    EXPECT_EQ(::fcntl(one->get(), F_GETFD), FD_CLOEXEC);
  }
}

}  // namespace
