#include "common/base/errors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <system_error>

namespace {

TEST(Errors, CheckReturnsAResultThatIsNotMinusOne) {
  EXPECT_EQ(ipc::check(7, "call"), 7);
}

TEST(Errors, CheckThrowsErrnoAndTheNameOfTheCall) {
  try {
    ipc::check(::close(-1), "close");
    FAIL() << "close(-1) succeeded";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBADF);
    EXPECT_EQ(std::string(error.what()), "close: Bad file descriptor");
  }
}

TEST(Errors, CheckZeroThrowsTheReturnedError) {
  EXPECT_NO_THROW(ipc::check_zero(0, "pthread_mutex_lock"));
  EXPECT_THROW(ipc::check_zero(EPERM, "pthread_mutex_lock"), std::system_error);
}

TEST(Errors, RetryRepeatsOnlyAnInterruptedCall) {
  int calls = 0;
  const int result = ipc::retry([&] {
    errno = ++calls < 3 ? EINTR : EAGAIN;
    return -1;
  });
  EXPECT_EQ(result, -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(calls, 3);
}

}  // namespace
