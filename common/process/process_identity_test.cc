#include "common/process/process_identity.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <thread>

#include "common/memory/shared.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Holder;
using ipc::Process;
using ipc::Shared;
using ipc::testing::status_of;
using HolderWord = std::atomic<Holder>;

TEST(Holder, AProcessIsOneHolderAndAlive) {
  const Holder self = ipc::holder_self();
  EXPECT_NE(self, Holder::nobody);
  EXPECT_TRUE(ipc::holder_alive(self));
  Holder of_thread = Holder::nobody;
  std::thread([&] { of_thread = ipc::holder_self(); }).join();
  EXPECT_EQ(of_thread, self);
}

TEST(Holder, AChildIsADifferentHolderEvenIfItsParentHasCachedItsOwn) {
  const Holder self = ipc::holder_self();
  const Shared<HolderWord> of_child(Holder::nobody);
  Process child("Child", [&] {
    *of_child = ipc::holder_self();
    if (!ipc::holder_alive(self)) ::_exit(1);
  });
  EXPECT_EQ(status_of(child), 0);
  EXPECT_NE(of_child->load(), self);
  EXPECT_NE(of_child->load(), Holder::nobody);
}

TEST(Holder, NeitherAZombieNorAProcessThatHasGoneIsAlive) {
  const Shared<HolderWord> of_child(Holder::nobody);
  Process child("Child", [&] {
    *of_child = ipc::holder_self();
    ::pause();
  });
  while (of_child->load() == Holder::nobody) ::usleep(100);
  EXPECT_TRUE(ipc::holder_alive(*of_child));
  child.kill();
  while (ipc::testing::activity(child.pid()).front() != 'Z') ::usleep(100);
  EXPECT_FALSE(ipc::holder_alive(*of_child)) << "zombie";
  EXPECT_EQ(status_of(child), -SIGKILL);
  EXPECT_FALSE(ipc::holder_alive(*of_child)) << "gone";
}

TEST(Holder, AProcessThatGoesWhileItIsLookedAtIsNotAlive) {
  const Shared<HolderWord> of_child(Holder::nobody);
  for (int i = 0; i < 300; ++i) {
    *of_child = Holder::nobody;
    Process child("Child", [&] { *of_child = ipc::holder_self(); });
    while (of_child->load() == Holder::nobody) ::usleep(10);
    std::thread reaper([&] { child.join(); });
    EXPECT_NO_THROW({
      while (ipc::holder_alive(*of_child)) {
      }
      for (int again = 0; again < 20; ++again) {
        EXPECT_FALSE(ipc::holder_alive(*of_child));
      }
    });
    reaper.join();
  }
}

TEST(Holder, AProcessWhoseFirstThreadHasEndedIsAlive) {
  const Shared<HolderWord> of_child(Holder::nobody);
  Process child("Child", [&] {
    *of_child = ipc::holder_self();
    std::thread([] { ::pause(); }).detach();
    // Not pthread_exit(3), which would unwind into Process.
    ::syscall(SYS_exit, 0);
  });
  while (of_child->load() == Holder::nobody ||
         ipc::testing::activity(child.pid()).front() != 'Z') {
    ::usleep(100);
  }
  EXPECT_TRUE(ipc::holder_alive(*of_child));
}

TEST(Holder, AnotherProcessWithTheSameNumberIsNotTheHolder) {
  // The same process number with another time of start, as after a reuse.
  const auto self = static_cast<uint64_t>(ipc::holder_self());
  EXPECT_FALSE(ipc::holder_alive(static_cast<Holder>(self + 1)));
  EXPECT_FALSE(ipc::holder_alive(static_cast<Holder>(self - 1)));
}

TEST(Holder, ANameThatLooksLikeFieldsOfTheFileIsReadAsAName) {
  Process child("Child", [] {
    ::prctl(PR_SET_NAME, "x) Z 1 2 (3) Z");
    ::_exit(ipc::holder_alive(ipc::holder_self()) ? 0 : 1);
  });
  EXPECT_EQ(status_of(child), 0);
}

// Container runtimes make processes like this: no pthread_atfork(3) handler
// runs.
TEST(Holder, AChildMadeByABareCloneIsADifferentHolder) {
  const Holder self = ipc::holder_self();
  const long pid = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) ::_exit(ipc::holder_self() == self ? 1 : 0);
  int status = -1;
  ASSERT_EQ(::waitpid(static_cast<pid_t>(pid), &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Holder, TheProcOfAnotherPidNamespaceIsRefused) {
  constexpr int kImpossible = 77;
  Process outer("Outer", [] {
    if (::unshare(CLONE_NEWPID) == -1 &&
        ::unshare(CLONE_NEWUSER | CLONE_NEWPID) == -1) {
      ::_exit(kImpossible);
    }
    Process first("First", [] {
      ::_exit(ipc::testing::is_refused([] { ipc::holder_self(); }) ? 0 : 1);
    });
    ::_exit(first.join());
  });
  const int status = status_of(outer);
  if (status == kImpossible) GTEST_SKIP() << "no namespaces";
  EXPECT_EQ(status, 0);
}

TEST(Home, TheFirstProcessDecidesTheNamespace) {
  const Shared<ipc::Home> home;
  const auto status = ipc::testing::status_in_container([&] {
    home->enter_threads();
    Process child("Child", [&] { home->enter_threads(); });
    ::_exit(child.join());
  });
  if (!status) GTEST_SKIP() << "no namespaces";
  ASSERT_EQ(*status, 0) << "a container is refused its own object";
  EXPECT_TRUE(ipc::testing::is_refused([&] { home->enter_threads(); }));
}

TEST(Home, HoldersOfAnotherNamespaceAreRefused) {
  const Shared<ipc::Home> home;
  home->enter_holders();
  ipc::testing::expect_refused({[&] { home->enter_holders(); }});
}

}  // namespace
