#include "common/process/lock_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "common/process/names.h"
#include "common/process/process.h"

namespace {

// Runs just before the next flock(2) of this process.
std::function<void()> before_flock;

// Whether this process seems to belong to another user than its files.
bool is_stranger = false;

}  // namespace

// Replaces the C library's: a test cannot be two users everywhere.
extern "C" uid_t geteuid() noexcept {
  const auto uid = static_cast<uid_t>(::syscall(SYS_geteuid));
  return is_stranger ? uid + 1 : uid;
}

// Replaces the C library's, so that a test can act between two calls.
extern "C" int flock(int fd, int operation) noexcept {
  const auto interfere = std::exchange(before_flock, nullptr);
  if (interfere) interfere();
  return static_cast<int>(::syscall(SYS_flock, fd, operation));
}

namespace {

struct LockFile : testing::Test {
  ipc::TempDir dir;
  ipc::UniqueFd folder{::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY)};
  bool exists() { return std::filesystem::exists(dir.file("lock")); }
};

TEST_F(LockFile, IsAbandonedWhenItsMakerIsDead) {
  ipc::Process maker("maker", [&] {
    (void)ipc::create_locked(folder.get(), "lock").release();
    ::raise(SIGKILL);
  });
  EXPECT_EQ(maker.join(), -SIGKILL);
  ASSERT_TRUE(exists());
  const ipc::UniqueFd first = ipc::lock_abandoned(folder.get(), "lock");
  EXPECT_TRUE(first);
  EXPECT_FALSE(ipc::lock_abandoned(folder.get(), "lock"))
      << "two processes believe that they may remove the file";
}

TEST_F(LockFile, OfAnotherUserIsLeftAlone) {
  { const ipc::UniqueFd lock = ipc::create_locked(folder.get(), "lock"); }
  is_stranger = true;
  const bool is_taken{ipc::lock_abandoned(folder.get(), "lock")};
  is_stranger = false;
  EXPECT_FALSE(is_taken);
  EXPECT_TRUE(ipc::lock_abandoned(folder.get(), "lock"));
}

TEST_F(LockFile, IsNotAbandonedWhileAnyProcessHasIt) {
  ipc::UniqueFd lock = ipc::create_locked(folder.get(), "lock");
  EXPECT_FALSE(ipc::lock_abandoned(folder.get(), "lock"));
  ipc::Process child("child", [] {
    while (true) ::pause();
  });
  lock.reset();
  EXPECT_FALSE(ipc::lock_abandoned(folder.get(), "lock"));
  child.kill();
  child.join();
  EXPECT_TRUE(ipc::lock_abandoned(folder.get(), "lock"));
}

TEST_F(LockFile, AnExistingNameIsAnErrorWhateverItIs) {
  std::filesystem::create_symlink(dir.file("victim"), dir.file("lock"));
  EXPECT_THROW(ipc::create_locked(folder.get(), "lock"), std::system_error);
  EXPECT_FALSE(std::filesystem::exists(dir.file("victim")));
  std::filesystem::remove(dir.file("lock"));
  ASSERT_EQ(::mkfifo(dir.file("lock").c_str(), 0600), 0);
  EXPECT_THROW(ipc::create_locked(folder.get(), "lock"), std::system_error);
  EXPECT_FALSE(ipc::lock_abandoned(folder.get(), "lock"));
}

TEST_F(LockFile, AFileTakenBeforeItWasLockedIsMadeAgain) {
  before_flock = [&] {
    const ipc::UniqueFd taken = ipc::lock_abandoned(folder.get(), "lock");
    EXPECT_TRUE(taken);
    ::unlinkat(folder.get(), "lock", 0);
  };
  const ipc::UniqueFd lock = ipc::create_locked(folder.get(), "lock");
  EXPECT_TRUE(exists());
  EXPECT_FALSE(ipc::lock_abandoned(folder.get(), "lock"));
}

TEST_F(LockFile, ANameThatIsUsedAgainIsNotAbandoned) {
  ipc::create_locked(folder.get(), "lock").reset();
  ipc::UniqueFd lock;
  before_flock = [&] {
    ::unlinkat(folder.get(), "lock", 0);
    lock = ipc::create_locked(folder.get(), "lock");
  };
  EXPECT_FALSE(ipc::lock_abandoned(folder.get(), "lock"))
      << "it has opened the old file, and would remove the new one";
}

// One process makes files, another removes those that look abandoned: a file
// that create_locked() has returned must still be there.
TEST_F(LockFile, AFileInTheMakingIsNeverTaken) {
  ipc::Process sweeper("sweeper", [&] {
    while (true) {
      const ipc::UniqueFd lock = ipc::lock_abandoned(folder.get(), "lock");
      if (lock) ::unlinkat(folder.get(), "lock", 0);
    }
  });
  for (int i = 0; i < 5'000; ++i) {
    const ipc::UniqueFd lock = ipc::create_locked(folder.get(), "lock");
    ASSERT_TRUE(exists()) << "round " << i;
    ::unlinkat(folder.get(), "lock", 0);
  }
}

}  // namespace
