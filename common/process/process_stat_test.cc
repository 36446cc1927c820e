#include "common/process/process_stat.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <functional>

#include "common/base/wait_ready.h"
#include "common/process/process.h"
#include "common/testing/test_basics.h"

namespace {

using ipc::Process;
using ipc::ProcessStat;
using ipc::testing::error_of;

// The status of a zombie that has ended by `target`.
int status_told_of(const std::function<void()>& target) {
  const Process child("child", target);
  EXPECT_TRUE(ipc::wait_ready(child.pidfd(), POLLIN, ipc::testing::limit()));
  EXPECT_TRUE(ipc::has_ended(child.pid()));
  const std::optional<ProcessStat> stat = ipc::read_stat(child.pid());
  EXPECT_TRUE(stat && stat->has_ended());
  return stat ? stat->status : -1;
}

TEST(ProcessStat, DescribesThisProcess) {
  // The end of the name is the last bracket.
  ASSERT_EQ(::prctl(PR_SET_NAME, "a) R (b"), 0);
  const std::optional<ProcessStat> stat = ipc::read_stat(::getpid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "a) R (b");
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->parent, ::getppid());
  EXPECT_EQ(stat->thread_count, 1);
  EXPECT_FALSE(stat->has_ended());
  EXPECT_FALSE(ipc::has_ended(::getpid()));
}

TEST(ProcessStat, AChildWasStartedNoEarlierThanItsParent) {
  const Process child("child", [] { ::pause(); });
  const std::optional<ProcessStat> stat = ipc::read_stat(child.pid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->parent, ::getpid());
  EXPECT_GE(stat->start_ticks, ipc::read_stat(::getpid())->start_ticks);
}

TEST(ProcessStat, ShowsHowAZombieEnded) {
  EXPECT_EQ(status_told_of([] { ::_exit(0); }), 0);
  EXPECT_EQ(status_told_of([] { ::_exit(3); }), 3);
  EXPECT_EQ(status_told_of([] { ::raise(SIGKILL); }), -SIGKILL);
}

TEST(ProcessStat, IsEmptyForAProcessThatHasGone) {
  Process child("child", [] {});
  (void)child.join();
  EXPECT_FALSE(ipc::read_stat(child.pid()));
  EXPECT_TRUE(ipc::has_ended(child.pid()));
}

TEST(ProcessStat, WithoutAFreeDescriptorNoProcessIsTakenForDead) {
  Process child("child", [] {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) ::_exit(1);
    ::_exit(error_of([] { (void)ipc::has_ended(::getppid()); }));
  });
  EXPECT_EQ(child.join(), EMFILE);
}

}  // namespace
