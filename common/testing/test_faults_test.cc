#include "common/testing/test_faults.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/memory/shared.h"
#include "common/process/process.h"

namespace {

TEST(TestFaults, AKillLandsBeforeAndAfterEachCall) {
  const ipc::Shared<int> steps(0);
  const auto action = [&] {
    *steps = 1;
    (void)::getppid();
    *steps = 2;
    (void)::getppid();
    *steps = 3;
  };
  int kills[4] = {};
  for (int stop = 1; *steps = 0, ipc::killed_at(stop, action); ++stop) {
    ++kills[*steps];
  }
  EXPECT_EQ(*steps, 3) << "the last run ends by itself";
  // Before, within and after the first call, and the same for the second.
  EXPECT_GE(kills[1], 1);
  EXPECT_GE(kills[2], 2);
  EXPECT_GE(kills[3], 1);
}

TEST(TestFaults, ASmallDiskIsSmallForOneProcessOnly) {
  const ipc::Shared<int> result(0);
  ipc::Process child("child", [&] {
    if (!ipc::enter_small_disk("/dev/shm", 4096).empty()) return;
    *result = ::access("/dev/shm", W_OK) == 0 ? 1 : 2;
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_NE(*result, 2);
}

// Opens two files. If it `forgets`, the first one stays open when the second
// cannot be opened.
void open_two(bool forgets) {
  const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (first == -1) ipc::throw_error(errno, "open");
  const int second = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  const int error = errno;
  if (!forgets || second != -1) ::close(first);
  if (second == -1) ipc::throw_error(error, "open");
  ::close(second);
}

TEST(TestFaults, EachCallFailsOnceAndNothingIsLeft) {
  const ipc::Sweep sweep = ipc::fail_each_call([] { open_two(false); });
  EXPECT_EQ(sweep.failures, 2);
  EXPECT_EQ(sweep.exceptions, 2);
  EXPECT_EQ(sweep.trouble, "");
}

TEST(TestFaults, WhatIsLeftBehindAfterAFailureIsNamed) {
  const ipc::Sweep sweep = ipc::fail_each_call([] { open_two(true); });
  EXPECT_NE(sweep.trouble.find("2 openat fails with EMFILE"), std::string::npos)
      << sweep.trouble;
  EXPECT_NE(sweep.trouble.find("left behind: descriptor"), std::string::npos)
      << sweep.trouble;
}

TEST(TestFaults, ADescriptorWithoutCloseOnExecIsNamed) {
  const auto open_null = [](int flags) {
    return ipc::left_to_programs([flags] {
      const ipc::UniqueFd fd(::open("/dev/null", O_RDONLY | flags));
    });
  };
  EXPECT_EQ(open_null(O_CLOEXEC), "");
  EXPECT_NE(open_null(0).find("/dev/null"), std::string::npos);
}

TEST(TestFaults, AnActionThatEndsTheProcessIsNamed) {
  const ipc::Sweep sweep = ipc::fail_each_call([] {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd == -1) ::_exit(3);
    ::close(fd);
  });
  EXPECT_NE(sweep.trouble.find("ends the process"), std::string::npos)
      << sweep.trouble;
}

TEST(TestFaults, ACallThatIsNotRepeatedAfterASignalIsNamed) {
  const auto read_once = [] {
    const ipc::UniqueFd fd(::eventfd(1, EFD_CLOEXEC));
    uint64_t count = 0;
    ipc::check(::read(fd.get(), &count, sizeof count), "read");
  };
  const ipc::Sweep sweep = ipc::interrupt_each_call(read_once);
  EXPECT_EQ(sweep.failures, 1);
  EXPECT_NE(sweep.trouble.find("read fails with EINTR"), std::string::npos)
      << sweep.trouble;
}

}  // namespace
