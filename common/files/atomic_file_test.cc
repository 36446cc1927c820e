#include "common/files/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <system_error>

#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/testing/test_basics.h"
#include "common/testing/test_faults.h"

namespace {

namespace fs = std::filesystem;

// Which calls of this process fail on purpose, and how.
struct Faults {
  int fsync_error = 0;
  int fsync_passes = 0;  // Calls of fsync(2) that still succeed.
  int write_error = 0;
  bool short_writes = false;
  int interruptions = 0;  // Calls of write(2) that a signal interrupts.
  int failures = 0;       // How often an error was given.
};
Faults faults;

}  // namespace

// In place of the C library's.
extern "C" int fsync(int fd) {
  if (faults.fsync_error != 0 && --faults.fsync_passes < 0) {
    ++faults.failures;
    errno = faults.fsync_error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" ssize_t write(int fd, const void* data, size_t size) {
  if (faults.interruptions > 0) {
    --faults.interruptions;
    errno = EINTR;
    return -1;
  }
  if (faults.write_error != 0) {
    ++faults.failures;
    errno = faults.write_error;
    return -1;
  }
  if (faults.short_writes) size = std::min<size_t>(size, 7);
  return ::syscall(SYS_write, fd, data, size);
}

namespace {

struct AtomicFile : testing::Test {
  ~AtomicFile() override { faults = {}; }

  // How many files the folder has; the temporary ones count.
  [[nodiscard]] int64_t files() const {
    return std::distance(fs::directory_iterator(dir.path()), {});
  }

  // The error that replacing gives, 0 if none.
  [[nodiscard]] int error_of_replacing(const std::string& content) const {
    return ipc::testing::error_of([&] { ipc::replace_file(path, content); });
  }

  ipc::TempDir dir;
  std::string path = dir.file("file");
};

TEST_F(AtomicFile, IsReadAsItWasWritten) {
  EXPECT_EQ(ipc::read_file(path), std::nullopt);
  const std::string large(1'000'000, 'x');
  for (const std::string& content :
       {std::string("text"), std::string(), large, std::string("a\0b\n", 4)}) {
    ipc::replace_file(path, content);
    ASSERT_TRUE(ipc::read_file(path) == content)
        << "replaced, but a reader still sees the old content: the file with "
           "the new one has to be renamed to '"
        << path << "'";
  }
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, NeedsNoFolderInItsName) {
  ASSERT_EQ(::chdir(dir.path().c_str()), 0);
  ipc::replace_file("file", "text");
  EXPECT_EQ(ipc::read_file(path), "text");
  ASSERT_EQ(::chdir("/"), 0);
  EXPECT_THROW(ipc::replace_file(dir.file("no/file"), ""), std::system_error);
  EXPECT_EQ(ipc::read_file(dir.file("no/file")), std::nullopt);
  EXPECT_EQ(ipc::read_file(path + "/file"), std::nullopt);
}

TEST_F(AtomicFile, KeepsThePermissionsOfTheOldAndIsPrivateWhenNew) {
  const auto mode = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
  };
  ipc::replace_file(path, "one");
  EXPECT_EQ(mode(), 0600U);
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  ipc::replace_file(path, "two");
  EXPECT_EQ(mode(), 0644U);
}

// This is what the header promises. Without the rename, a reader would see a
// file that is empty or half written.
TEST_F(AtomicFile, AReaderSeesOldOrNewContentAndNothingElse) {
  const std::string old_content(200'000, 'o');
  const std::string new_content(100'000, 'n');
  ipc::replace_file(path, old_content);
  ipc::Process writer("writer", [&] {
    while (true) {
      ipc::replace_file(path, new_content);
      ipc::replace_file(path, old_content);
    }
  });
  int changes = 0;
  std::string last = old_content;
  for (int reads = 0; changes < 50; ++reads) {
    const auto seen = ipc::read_file(path);
    ASSERT_TRUE(seen == old_content || seen == new_content)
        << "read " << reads << " is half written: "
        << (seen ? std::to_string(seen->size()) + " bytes" : "no file")
        << ". A file must be replaced by one rename, not changed in place";
    changes += *seen != last ? 1 : 0;
    last = *seen;
  }
}

TEST_F(AtomicFile, AWriterKilledAtAnyCallLeavesOldOrNewContent) {
  int old_seen = 0;
  int new_seen = 0;
  for (int stop = 1;; ++stop) {
    ipc::replace_file(path, "old content");
    const bool killed =
        ipc::killed_at(stop, [&] { ipc::replace_file(path, "new, longer"); });
    if (!killed) break;
    const auto seen = ipc::read_file(path);
    ASSERT_TRUE(seen == "old content" || seen == "new, longer")
        << "killed at stop " << stop << ", the file is "
        << seen.value_or("not there");
    ++(seen == "old content" ? old_seen : new_seen);
    ASSERT_LE(files(), 2) << "temporary files accumulate";
  }
  EXPECT_GT(old_seen, 10);
  EXPECT_GT(new_seen, 2);
  ipc::replace_file(path, "last");
  EXPECT_EQ(files(), 1) << "a dead writer's temporary file is left";
}

TEST_F(AtomicFile, WritersKilledAtRandomTimesNeverTearTheFile) {
  const std::string contents[] = {std::string(30'000, 'a'),
                                  std::string(50'000, 'b')};
  ipc::replace_file(path, contents[0]);
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  int left_behind = 0;
  for (int i = 0; i < 200; ++i) {
    ipc::Process writer("writer", [&] {
      while (true) {
        for (const auto& content : contents) ipc::replace_file(path, content);
      }
    });
    ::usleep(random() % 3000);
    writer.kill();
    ASSERT_EQ(writer.join(), -SIGKILL);
    const auto seen = ipc::read_file(path);
    ASSERT_TRUE(seen == contents[0] || seen == contents[1])
        << "kill " << i << ", seed " << seed;
    left_behind += files() > 1 ? 1 : 0;
    ASSERT_LE(files(), 2);
  }
  RecordProperty("killed_with_a_temporary_file", left_behind);
  EXPECT_GT(left_behind, 0) << "no kill hit a writer at work, seed " << seed;
}

TEST_F(AtomicFile, TwoWritersNeverMixAndLeaveNothing) {
  const auto write = [&](char letter) {
    for (int i = 1; i <= 100; ++i) {
      ipc::replace_file(path,
                        std::string(static_cast<size_t>(i) * 500, letter));
    }
  };
  ipc::Process first("first", [&] { write('a'); });
  ipc::Process second("second", [&] { write('b'); });
  while (first.is_alive() || second.is_alive()) {
    const auto seen = ipc::read_file(path);
    if (!seen) continue;
    ASSERT_TRUE(std::all_of(seen->begin(), seen->end(),
                            [&](char c) { return c == seen->front(); }));
  }
  EXPECT_EQ(first.join(), 0);
  EXPECT_EQ(second.join(), 0);
  EXPECT_EQ(ipc::read_file(path)->size(), 50'000U);
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, AWriteThatFailsLeavesTheOldContent) {
  ipc::replace_file(path, "old");
  for (const int error : {ENOSPC, EIO, EDQUOT}) {
    faults = {};
    faults.write_error = error;
    EXPECT_EQ(error_of_replacing("new"), error);
    EXPECT_EQ(ipc::read_file(path), "old");
    EXPECT_EQ(files(), 1);
  }
}

TEST_F(AtomicFile, AFailedFsyncIsFinal) {
  ipc::replace_file(path, "old");
  faults.fsync_error = EIO;
  EXPECT_EQ(error_of_replacing("new"), EIO);
  EXPECT_EQ(faults.failures, 1) << "a second fsync would claim success";
  EXPECT_EQ(ipc::read_file(path), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, AFailedFsyncOfTheFolderIsReportedThoughTheContentIsThere) {
  ipc::replace_file(path, "old");
  faults.fsync_error = EIO;
  faults.fsync_passes = 1;
  EXPECT_EQ(error_of_replacing("new"), EIO);
  EXPECT_EQ(ipc::read_file(path), "new");
  EXPECT_EQ(files(), 1);
}

// As on CIFS and vboxsf.
TEST_F(AtomicFile, AFolderThatDoesNotSupportFsyncIsNotAFailure) {
  ipc::replace_file(path, "old");
  for (const int error : {EINVAL, ENOTSUP}) {
    faults.fsync_error = error;
    faults.fsync_passes = 1;
    EXPECT_EQ(error_of_replacing("new"), 0);
    EXPECT_EQ(ipc::read_file(path), "new");
  }
}

TEST_F(AtomicFile, ShortAndInterruptedWritesAreContinued) {
  faults.short_writes = true;
  faults.interruptions = 3;
  ipc::replace_file(path, std::string(1000, 'x'));
  EXPECT_EQ(faults.interruptions, 0);
  EXPECT_TRUE(ipc::read_file(path) == std::string(1000, 'x'));
}

// SIGXFSZ has its default action, which would kill the writer and leave its
// temporary file.
TEST_F(AtomicFile, AFileSizeLimitIsReported) {
  ipc::replace_file(path, "old");
  const ipc::Shared<int> error(0);
  ipc::Process child("child", [&] {
    ::signal(SIGXFSZ, SIG_DFL);
    const rlimit limit{10'000, 10'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    *error = error_of_replacing(std::string(20'000, 'x'));
  });
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(*error, EFBIG);
  EXPECT_EQ(ipc::read_file(path), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, AFullDiskIsReported) {
  const ipc::Shared<int> error(0);
  ipc::Process child("child", [&] {
    if (!ipc::enter_small_disk(dir.path(), 64 << 10U).empty()) return;
    ipc::replace_file(path, "old");
    *error = error_of_replacing(std::string(1 << 20U, 'x'));
    if (ipc::read_file(path) != "old" || files() != 1) ::_exit(1);
  });
  EXPECT_EQ(child.join(), 0);
  if (*error == 0) GTEST_SKIP() << "no private file system here";
  EXPECT_EQ(*error, ENOSPC);
}

TEST_F(AtomicFile, ALinkInItsPlaceIsReplacedAndItsTargetIsUntouched) {
  const std::string victim = dir.file("victim");
  ipc::replace_file(victim, "victim");
  fs::create_symlink(victim, path);
  ipc::replace_file(path, "mine");
  EXPECT_EQ(ipc::read_file(victim), "victim");
  EXPECT_EQ(ipc::read_file(path), "mine");
  fs::remove(path);
  fs::create_hard_link(victim, path);
  ipc::replace_file(path, "mine");
  EXPECT_EQ(ipc::read_file(victim), "victim");
}

// An access control list that lets user 12345 read, but not the file's group.
std::string acl_for_a_stranger() {
  struct Entry {
    uint16_t tag;
    uint16_t permissions;
    uint32_t id;
  };
  constexpr uint32_t kNobody = 0xffffffff;
  const std::array<Entry, 5> entries{{{0x01, 6, kNobody},
                                      {0x02, 4, 12345},
                                      {0x04, 0, kNobody},
                                      {0x10, 4, kNobody},
                                      {0x20, 0, kNobody}}};
  const uint32_t version = 2;
  std::string acl(sizeof version + sizeof entries, '\0');
  std::memcpy(acl.data(), &version, sizeof version);
  std::memcpy(acl.data() + sizeof version, entries.data(), sizeof entries);
  return acl;
}

TEST_F(AtomicFile, KeepsTheAccessControlList) {
  constexpr const char* kAcl = "system.posix_acl_access";
  const std::string acl = acl_for_a_stranger();
  ipc::replace_file(path, "old");
  if (::setxattr(path.c_str(), kAcl, acl.data(), acl.size(), 0) == -1) {
    GTEST_SKIP() << "no access control lists in /tmp";
  }
  ipc::replace_file(path, "new");
  std::string kept(1000, '\0');
  const ssize_t size = ::getxattr(path.c_str(), kAcl, kept.data(), kept.size());
  ASSERT_GT(size, 0) << "without it the group gets the stranger's permissions";
  kept.resize(static_cast<size_t>(size));
  EXPECT_EQ(kept, acl);
}

TEST_F(AtomicFile, AFailureForAFolderOrATooLongNameLeavesNothing) {
  fs::create_directory(path);
  EXPECT_EQ(error_of_replacing("new"), EISDIR);
  EXPECT_EQ(files(), 1);
  path = dir.file(std::string(255, 'x'));
  EXPECT_EQ(error_of_replacing("new"), 0);
  path += 'x';
  EXPECT_EQ(error_of_replacing("new"), ENAMETOOLONG);
  EXPECT_EQ(files(), 2);
}

TEST_F(AtomicFile, AReadOnlyFileIsReplacedAndStaysReadOnly) {
  ipc::replace_file(path, "old");
  ASSERT_EQ(::chmod(path.c_str(), 04444), 0);
  ipc::replace_file(path, "new");
  EXPECT_EQ(ipc::read_file(path), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0444U) << "the set-user-ID bit must go";
}

TEST_F(AtomicFile, AFileThatIsNotRegularIsAnErrorAndDoesNotBlock) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THROW((void)ipc::read_file(path), std::system_error);
  EXPECT_THROW((void)ipc::read_file(dir.path()), std::system_error);
  ipc::replace_file(path, "mine");
  EXPECT_EQ(ipc::read_file(path), "mine");
}

}  // namespace
