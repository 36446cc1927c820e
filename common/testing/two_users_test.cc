// What another user must not be able to do. Testing this takes two users, and
// so root. Bazel's sandbox has only one user, so this test runs outside of it.
// Without root it is skipped; if IPC_LABS_NO_SKIP is set, as in CI, it fails.
#include <errno.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/files/atomic_file.h"
#include "common/memory/shared_memory.h"
#include "common/net/listener.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/testing/test_basics.h"

namespace {

using ipc::Address;
using ipc::Deadline;
using ipc::Listener;
using ipc::testing::error_of;
using ipc::testing::limit;
using ipc::testing::scaled;

constexpr uid_t kStranger = 65534;

// Becomes another user, in the group `gid`, for good.
void become_stranger(gid_t gid = kStranger) {
  ipc::check(::setgroups(0, nullptr), "setgroups");
  ipc::check(::setresgid(gid, gid, gid), "setresgid");
  ipc::check(::setresuid(kStranger, kStranger, kStranger), "setresuid");
}

// Expects that a stranger gets `error` from `action`, which runs in a process
// of its own, so that this process stays root.
void expect_stranger_gets(int error, const std::function<void()>& action) {
  ipc::Process stranger("stranger", [&] {
    become_stranger();
    ::_exit(error_of(action));
  });
  EXPECT_EQ(stranger.join(), error);
}

struct TwoUsers : testing::Test {
  void SetUp() override {
    if (::geteuid() == 0 && can_become_stranger()) {
      ASSERT_EQ(::chmod(folder.path().c_str(), 01777), 0);
    } else if (::getenv("IPC_LABS_NO_SKIP") != nullptr) {
      FAIL() << "there is only one user, so nothing can be tested";
    } else {
      GTEST_SKIP() << "only root can be two users";
    }
  }
  static bool can_become_stranger() {
    ipc::Process stranger("stranger", [] { become_stranger(); });
    return stranger.join() == 0;
  }
  ipc::TempDir folder;
  std::string path = folder.file("file");
};

TEST_F(TwoUsers, AListenerLetsNoStrangerInByAPath) {
  Listener listener{Address(path)};
  // The mode of the socket is the first protection; this removes it.
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  ipc::Process stranger("stranger", [&] {
    become_stranger();
    ipc::Connection server = ipc::connect_until(Address(path), {}, limit());
    ::_exit(server.receive().status == ipc::Transfer::closed ? 0 : 1);
  });
  EXPECT_FALSE(listener.accept_until(Deadline::after(scaled(0.2))));
  const Deadline deadline = limit();
  while (listener.dropped_count() == 0 && !deadline.expired()) {
    ASSERT_FALSE(listener.accept_until(Deadline::after(0.01)));
  }
  EXPECT_EQ(listener.dropped_count(), 1U);
  EXPECT_EQ(stranger.join(), 0);
}

TEST_F(TwoUsers, AListenersSocketIsClosedToStrangers) {
  const Listener listener{Address(path)};
  expect_stranger_gets(
      EACCES, [&] { (void)ipc::connect_until(Address(path), {}, limit()); });
}

// Root may connect to any user's socket, and the kernel says whose it is. Every
// user may write to the folder, so a stranger may be there first.
TEST_F(TwoUsers, AClientDoesNotTakeAStrangerForItsServer) {
  auto [told, tell] = ipc::make_one_way_connections();
  ipc::Process stranger("stranger", [&, end = &tell] {
    become_stranger();
    Listener listener{Address(path)};
    (void)end->send("ready");
    while (true) (void)listener.accept();
  });
  ASSERT_TRUE(told.receive());
  for (const char* const key : {"", "secret"}) {
    EXPECT_EQ(error_of([&] {
                (void)ipc::connect_until(Address(path), {.key = key}, limit());
              }),
              EACCES)
        << "with the key '" << key << "'";
  }
}

TEST_F(TwoUsers, RootServesEveryUserThatMayUseItsPath) {
  Listener listener{Address(path)};
  ASSERT_EQ(::chown(path.c_str(), kStranger, kStranger), 0);
  expect_stranger_gets(
      0, [&] { (void)ipc::connect_until(Address(path), {}, limit()); });
}

TEST_F(TwoUsers, AStrangersSharedMemoryIsNotOpened) {
  const std::string name = ipc::unique_name("memory");
  const auto memory = ipc::SharedMemory::create(name, 100);
  ASSERT_EQ(::chown(("/dev/shm/" + name).c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(error_of([&] { (void)ipc::SharedMemory::open(name); }), EPERM);
  memory.unlink();
}

TEST_F(TwoUsers, AStrangerDoesNotOpenOurSharedMemory) {
  const std::string name = ipc::unique_name("memory");
  const auto memory = ipc::SharedMemory::create(name, 100);
  expect_stranger_gets(EACCES, [&] { (void)ipc::SharedMemory::open(name); });
  memory.unlink();
}

TEST_F(TwoUsers, AStrangerCannotReplaceOurFileInAStickyFolder) {
  ipc::replace_file(path, "ours");
  expect_stranger_gets(EPERM, [&] { ipc::replace_file(path, "theirs"); });
  EXPECT_EQ(ipc::read_file(path), "ours");
}

TEST_F(TwoUsers, AReplacedFileKeepsItsGroup) {
  constexpr gid_t kGroup = 12;  // "man" on Debian; any that is not our own.
  ipc::replace_file(path, "old");
  ASSERT_EQ(::chown(path.c_str(), 0, kGroup), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ipc::replace_file(path, "new");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_gid, kGroup);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

// The process may not give files to that group, so no other group may get the
// rights of that group.
TEST_F(TwoUsers, AReplacedFileOfAGroupThatIsOutOfReachIsPrivate) {
  constexpr gid_t kGroup = 12;
  ipc::replace_file(path, "old");
  ASSERT_EQ(::chown(path.c_str(), kStranger, kGroup), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0664), 0);
  expect_stranger_gets(0, [&] { ipc::replace_file(path, "new"); });
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0604U);
}

// Otherwise the stranger who put the file there would decide who can read what
// is written.
TEST_F(TwoUsers, AReplacedFileOfAStrangerIsPrivate) {
  ipc::replace_file(path, "theirs");
  ASSERT_EQ(::chown(path.c_str(), kStranger, kStranger), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  ipc::replace_file(path, "ours");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

}  // namespace
