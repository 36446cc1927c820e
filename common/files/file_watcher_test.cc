#include "common/files/file_watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/files/atomic_file.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/testing/test_basics.h"
#include "common/testing/test_faults.h"

namespace {

namespace fs = std::filesystem;
using ipc::FileWatcher;
using Notice = FileWatcher::Notice;
using ipc::testing::limit;

ipc::Deadline now() { return ipc::Deadline::at_ns(0); }

void write_in_place(const std::string& path, const std::string& text,
                    int flags) {
  const ipc::UniqueFd fd(ipc::check(
      ::open(path.c_str(), O_WRONLY | O_CREAT | flags, 0600), path.c_str()));
  // In two pieces, so that a reader can see the file half written.
  const size_t half = text.size() / 2;
  ipc::check(::write(fd.get(), text.data(), half), "write");
  ipc::check(::write(fd.get(), text.data() + half, text.size() - half),
             "write");
  ipc::check(::ftruncate(fd.get(), static_cast<off_t>(text.size())),
             "ftruncate");
}

// How editors and tools save "<root>/folder/file".
struct Way {
  const char* name;
  std::function<void(const std::string& root, const std::string& text)> save;
};

const Way ways[] = {
    {"InPlace",
     [](const std::string& root, const std::string& text) {
       write_in_place(root + "/folder/file", text, 0);
     }},
    {"TruncateAndWrite",
     [](const std::string& root, const std::string& text) {
       write_in_place(root + "/folder/file", text, O_TRUNC);
     }},
    {"RenameOver",
     [](const std::string& root, const std::string& text) {
       ipc::replace_file(root + "/folder/file", text);
     }},
    {"DeleteAndCreate",
     [](const std::string& root, const std::string& text) {
       fs::remove(root + "/folder/file");
       write_in_place(root + "/folder/file", text, O_EXCL);
     }},
    {"BackupAndCreate",
     [](const std::string& root, const std::string& text) {
       if (fs::exists(root + "/folder/file")) {
         fs::rename(root + "/folder/file", root + "/folder/file~");
       }
       write_in_place(root + "/folder/file", text, O_EXCL);
     }},
    {"LinkSwap",
     [](const std::string& root, const std::string& text) {
       static int version = 0;
       const std::string target = "version" + std::to_string(++version);
       write_in_place(root + "/folder/" + target, text, O_EXCL);
       fs::create_symlink(target, root + "/folder/new");
       fs::rename(root + "/folder/new", root + "/folder/file");
     }},
    {"FolderMoved",
     [](const std::string& root, const std::string& text) {
       fs::create_directory(root + "/new");
       write_in_place(root + "/new/file", text, O_EXCL);
       fs::rename(root + "/folder", root + "/old");
       fs::rename(root + "/new", root + "/folder");
       fs::remove_all(root + "/old");
     }},
    {"FolderLinkSwap",  // As Kubernetes does with its configuration.
     [](const std::string& root, const std::string& text) {
       static int version = 0;
       const std::string target = "version" + std::to_string(++version);
       fs::create_directory(root + "/" + target);
       write_in_place(root + "/" + target + "/file", text, O_EXCL);
       fs::create_symlink(target, root + "/new");
       if (!fs::is_symlink(root + "/folder")) fs::remove_all(root + "/folder");
       fs::rename(root + "/new", root + "/folder");
     }},
};

struct WayOfSaving : testing::TestWithParam<Way> {
  WayOfSaving() { fs::create_directory(dir.file("folder")); }
  ipc::TempDir dir;
  std::string path = dir.file("folder/file");
};

INSTANTIATE_TEST_SUITE_P(All, WayOfSaving, testing::ValuesIn(ways),
                         [](const auto& info) { return info.param.name; });

// Each text that is saved here ends with a full stop, so that a reader can tell
// whether it is whole.
bool is_whole(const std::string& text) { return text.ends_with('.'); }

// One process saves; another reads, and notifies the first when it has seen a
// new content.
TEST_P(WayOfSaving, EveryContentIsSeenExactlyOnce) {
  constexpr int kSaves = 100;
  ipc::Pipe seen = ipc::make_pipe();
  FileWatcher watcher(path);
  ipc::Process saver("saver", [&] {
    seen.writer.reset();
    char byte = 0;
    for (int i = 1; i <= kSaves; ++i) {
      GetParam().save(dir.path(), "content " + std::to_string(i) + ".");
      if (::read(seen.reader.get(), &byte, 1) != 1) ::_exit(1);
    }
  });
  seen.reader.reset();
  std::string last;
  for (int i = 1; i <= kSaves;) {
    ASSERT_TRUE(watcher.wait_until(limit())) << "no notice of save " << i;
    const auto text = ipc::read_file(path);
    if (!text || *text == last || !is_whole(*text)) continue;
    ASSERT_EQ(*text, "content " + std::to_string(i) + ".");
    last = *text;
    ++i;
    ASSERT_EQ(::write(seen.writer.get(), "", 1), 1);
  }
  EXPECT_EQ(saver.join(), 0);
}

// Neither process waits for the other: a reader may miss a content, but not the
// last one.
TEST_P(WayOfSaving, TheLastContentIsSeenHoweverFastTheSavesFollow) {
  FileWatcher watcher(path);
  ipc::Process saver("saver", [&] {
    for (int i = 1; i < 100; ++i) {
      GetParam().save(dir.path(), "content " + std::to_string(i) + ".");
    }
    GetParam().save(dir.path(), "the last one.");
  });
  std::string last;
  while (last != "the last one.") {
    ASSERT_TRUE(watcher.wait_until(limit())) << "no notice after: " << last;
    if (const auto text = ipc::read_file(path)) last = *text;
  }
  EXPECT_EQ(saver.join(), 0);
}

TEST_P(WayOfSaving, ASaveBetweenNoticeAndReadIsNotReadTwice) {
  FileWatcher watcher(path);
  EXPECT_EQ(watcher.wait(), Notice::rescan);
  std::string last;
  int loads = 0;
  const auto load = [&] {
    const auto text = ipc::read_file(path);
    if (text && *text != last) ++loads;
    last = text.value_or("");
  };
  for (int i = 1; i <= 10; ++i) {
    GetParam().save(dir.path(), "first.");
    ASSERT_TRUE(watcher.wait_until(limit()));
    const std::string text = "content " + std::to_string(i) + ".";
    GetParam().save(dir.path(), text);
    load();
    EXPECT_EQ(last, text);
    while (watcher.wait_until(now())) load();
    EXPECT_EQ(loads, i);

    // A save after the read must give another notice.
    GetParam().save(dir.path(), "after.");
    ASSERT_TRUE(watcher.wait_until(limit()));
    load();
    EXPECT_EQ(last, "after.");
    --loads;
  }
}

TEST_P(WayOfSaving, WatchesDoNotAccumulate) {
  FileWatcher watcher(path);
  const auto count_watches = [&] {
    int count = 0;
    for (const auto& fd : fs::directory_iterator("/proc/self/fdinfo")) {
      std::ifstream info(fd.path());
      for (std::string line; std::getline(info, line);) {
        count += line.starts_with("inotify") ? 1 : 0;
      }
    }
    return count;
  };
  for (int i = 0; i < 20; ++i) {
    GetParam().save(dir.path(), std::to_string(i) + ".");
    ASSERT_TRUE(watcher.wait_until(limit()));
  }
  while (watcher.wait_until(now())) {
  }
  // "/", "/tmp", the root and the folder.
  EXPECT_EQ(count_watches(), 4);
}

struct FileWatcherTest : testing::Test {
  ipc::TempDir dir;
  std::string path = dir.file("file");
};

TEST_F(FileWatcherTest, TheFirstNoticeIsForWhatIsThereNow) {
  FileWatcher watcher(path);
  EXPECT_EQ(watcher.wait_until(now()), Notice::rescan);
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt);
  EXPECT_EQ(watcher.wait_until(ipc::Deadline::after(0.02)), std::nullopt);
}

TEST_F(FileWatcherTest, OtherFilesAreNotReported) {
  FileWatcher watcher(path);
  watcher.wait();
  ipc::replace_file(dir.file("other"), "text");
  fs::remove(dir.file("other"));
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt);
  fs::remove(path);
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt);
}

TEST_F(FileWatcherTest, ManyChangesAreOneNotice) {
  FileWatcher watcher(path);
  watcher.wait();
  for (int i = 0; i < 10; ++i) ipc::replace_file(path, std::to_string(i));
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt);
}

TEST_F(FileWatcherTest, AReplacedFileIsOneNotice) {
  FileWatcher watcher(path);
  watcher.wait();
  ipc::Process writer("writer", [&] { ipc::replace_file(path, "text"); });
  ASSERT_TRUE(watcher.wait_until(limit()));
  EXPECT_EQ(ipc::read_file(path), "text")
      << "the notice comes when the new content is there";
  EXPECT_EQ(writer.join(), 0);
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt) << "nothing comes after";
}

TEST_F(FileWatcherTest, ALinkThatTakesThePlaceOfTheFileIsFollowed) {
  write_in_place(path, "a file.", O_EXCL);
  fs::create_directory(dir.file("other"));
  write_in_place(dir.file("other/file"), "elsewhere.", O_EXCL);
  FileWatcher watcher(path);
  watcher.wait();
  fs::create_symlink("other/file", dir.file("new"));
  fs::rename(dir.file("new"), path);
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
  write_in_place(dir.file("other/file"), "elsewhere, again.", O_TRUNC);
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
}

TEST_F(FileWatcherTest, RemovalIsReported) {
  ipc::replace_file(path, "text");
  FileWatcher watcher(path);
  watcher.wait();
  fs::remove(path);
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
}

TEST_F(FileWatcherTest, AFileThatIsBeingWrittenIsReportedWhenItIsClosed) {
  FileWatcher watcher(path);
  watcher.wait();
  const ipc::Deadline settled =
      ipc::Deadline::after(FileWatcher::kSettleS * ipc::time_scale());
  ipc::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT, 0600));
  const auto empty = watcher.wait_until(now());
  ASSERT_EQ(::write(fd.get(), "text", 4), 4);
  const auto open = watcher.wait_until(now());
  // On a machine slower than that, the file is reported while still open.
  if (!settled.expired()) {
    EXPECT_FALSE(empty || open);
  }
  fd.reset();
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt);
}

// A change of a file other than a close by its writer.
struct Change {
  const char* name;
  std::function<void(const std::string& path)> make;
};

void make_empty(const std::string& path) {
  const ipc::UniqueFd fd(ipc::check(
      ::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL, 0600), "open"));
}

const Change changes[] = {
    {"Truncate", [](const std::string& path) { fs::resize_file(path, 2); }},
    {"TruncateToNothing",
     [](const std::string& path) { fs::resize_file(path, 0); }},
    {"AppearsEmpty",
     [](const std::string& path) {
       fs::remove(path);
       make_empty(path);
     }},
    {"AppearsEmptyByMknod",
     [](const std::string& path) {
       fs::remove(path);
       ipc::check(::mknod(path.c_str(), S_IFREG | 0600, 0), "mknod");
     }},
    {"AppearsEmptyByLink",
     [](const std::string& path) {
       fs::remove(path);
       make_empty(path + ".empty");
       fs::create_hard_link(path + ".empty", path);
     }},
    {"IsMadeReadable",
     [](const std::string& path) {
       ipc::check(::chmod(path.c_str(), 0644), "chmod");
     }},
    {"IsWrittenAndStaysOpen",
     [](const std::string& path) {
       static ipc::UniqueFd fd;
       fd.reset(ipc::check(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "open"));
       ipc::check(::write(fd.get(), "new", 3), "write");
     }},
    {"IsWrittenByAnotherName",
     [](const std::string& path) {
       fs::create_symlink(path, path + ".link");
       fs::resize_file(path + ".link", 2);
     }},
};

struct WayOfChanging : testing::TestWithParam<Change> {
  WayOfChanging() { ipc::replace_file(path, "old content"); }
  ipc::TempDir dir;
  std::string path = dir.file("file");
};

// Whatever is reported in between, a notice comes after the last change.
TEST_P(WayOfChanging, IsReported) {
  FileWatcher watcher(path);
  watcher.wait();
  GetParam().make(path);
  const auto last = ipc::read_file(path);
  ASSERT_TRUE(watcher.wait_until(limit()));
  const ipc::Deadline quiet =
      ipc::Deadline::after(2 * FileWatcher::kSettleS * ipc::time_scale());
  while (watcher.wait_until(quiet)) {
  }
  // A change that is reported after kSettleS is reported only once.
  EXPECT_EQ(ipc::read_file(path), last);
}

TEST_P(WayOfChanging, IsReportedToACallerThatPolls) {
  FileWatcher watcher(path);
  watcher.wait();
  GetParam().make(path);
  if (watcher.wait_until(now())) return;
  // It has to settle first.
  pollfd poll_fd{watcher.fd(), POLLIN, 0};
  const ipc::Deadline deadline = limit();
  while (!watcher.wait_until(now())) {
    ASSERT_FALSE(deadline.expired());
    ASSERT_GT(::poll(&poll_fd, 1, deadline.poll_ms()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(FileWatcher, WayOfChanging, testing::ValuesIn(changes),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// If a writer never closes its file, notices come again and again, but not for
// each write.
TEST_F(FileWatcherTest, ALogThatStaysOpenIsReportedNowAndThen) {
  ipc::replace_file(path, "");
  FileWatcher watcher(path);
  watcher.wait();
  const ipc::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND));
  const double duration_s = 5 * FileWatcher::kSettleS * ipc::time_scale();
  const ipc::Deadline end = ipc::Deadline::after(duration_s);
  int notices = 0;
  bool is_reported = false;
  while (!end.expired()) {
    ASSERT_EQ(::write(fd.get(), "x", 1), 1);
    is_reported = watcher.wait_until(now()).has_value();
    if (is_reported) ++notices;
  }
  EXPECT_GE(notices, 1);
  EXPECT_LE(notices, 5);
  EXPECT_TRUE(is_reported || watcher.wait_until(limit()))
      << "the last write was not reported";
}

// In a user namespace of its own, where this user's limits can be changed.
TEST_F(FileWatcherTest, TheErrorNamesTheLimitThatIsReached) {
  const auto text_with = [&](const char* limit, const char* value) {
    ipc::Pipe pipe = ipc::make_pipe();
    ipc::Process child("child", [&] {
      if (::unshare(CLONE_NEWUSER) == -1) ::_exit(0);
      std::ofstream file(std::string("/proc/sys/user/") + limit);
      if (!(file << value << std::flush)) ::_exit(0);
      std::string text = "no error";
      try {
        const FileWatcher watcher(path);
      } catch (const std::system_error& error) {
        text = error.what();
      }
      ipc::write_all(pipe.writer, std::as_bytes(std::span(text)));
      ::_exit(0);
    });
    pipe.writer.reset();
    EXPECT_EQ(child.join(), 0);
    std::string text(1000, '\0');
    const ssize_t size = ::read(pipe.reader.get(), text.data(), text.size());
    text.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return text;
  };
  const std::string instances = text_with("max_inotify_instances", "0");
  const std::string watches = text_with("max_inotify_watches", "0");
  if (instances.empty() || watches.empty()) {
    GTEST_SKIP() << "no user namespace whose limits can be changed";
  }
  EXPECT_NE(instances.find("fs.inotify.max_user_instances"), std::string::npos)
      << instances;
  EXPECT_NE(watches.find("fs.inotify.max_user_watches"), std::string::npos)
      << watches;
}

TEST_F(FileWatcherTest, MissingFoldersAreAwaited) {
  path = dir.file("a/b/file");
  ipc::replace_file(dir.file("a"), "no folder");
  FileWatcher watcher(path);
  watcher.wait();
  fs::remove(dir.file("a"));
  fs::create_directories(dir.file("a/b"));
  EXPECT_TRUE(watcher.wait_until(limit()));
  ipc::replace_file(path, "text");
  EXPECT_TRUE(watcher.wait_until(limit()));
  fs::remove_all(dir.file("a"));
  EXPECT_TRUE(watcher.wait_until(limit()));
  fs::create_directories(dir.file("elsewhere/b"));
  ipc::replace_file(dir.file("elsewhere/b/file"), "text");
  fs::rename(dir.file("elsewhere"), dir.file("a"));
  EXPECT_TRUE(watcher.wait_until(limit()));
  while (watcher.wait_until(now())) {
  }
  ipc::replace_file(path, "more");
  EXPECT_TRUE(watcher.wait_until(limit()));
}

TEST_F(FileWatcherTest, ARelativePathBeginsInTheWorkingFolder) {
  ASSERT_EQ(::chdir(dir.path().c_str()), 0);
  FileWatcher watcher("file");
  watcher.wait();
  ipc::replace_file(path, "text");
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
  ASSERT_EQ(::chdir("/"), 0);
}

TEST_F(FileWatcherTest, AfterAnUnmountTheFolderBelowIsWatched) {
  ipc::Process child("child", [&] {
    if (!ipc::enter_small_disk(dir.path(), 1 << 20).empty()) ::_exit(9);
    FileWatcher watcher(path);
    watcher.wait();
    ipc::check(::umount(dir.path().c_str()), "umount");
    if (watcher.wait_until(now()) != Notice::rescan) ::_exit(2);
    ipc::replace_file(path, "text");
    if (watcher.wait_until(now()) != Notice::changed) ::_exit(3);
  });
  const int status = child.join();
  if (status == 9) GTEST_SKIP() << "no private file system here";
  EXPECT_EQ(status, 0);
}

// A burst of changes is not read, so the kernel drops the events that do not
// fit its queue. Two files take turns, because the kernel merges equal events
// that follow each other.
TEST_F(FileWatcherTest, AFullQueueMeansRescan) {
  size_t queue_max = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> queue_max;
  if (queue_max > 100'000) GTEST_SKIP() << "too long a queue: " << queue_max;
  FileWatcher watcher(path);
  watcher.wait();
  ipc::replace_file(path, "in the queue");
  const std::string others[] = {dir.file("a"), dir.file("b")};
  for (size_t i = 0; i < queue_max + 1; ++i) {
    ipc::UniqueFd(::open(others[i % 2].c_str(), O_WRONLY | O_CREAT, 0600));
  }
  ipc::replace_file(path, "lost");
  EXPECT_EQ(watcher.wait_until(now()), Notice::rescan);
  EXPECT_EQ(ipc::read_file(path), "lost");
  EXPECT_EQ(watcher.wait_until(now()), std::nullopt);
  ipc::replace_file(path, "after");
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed) << "still watching";
}

TEST_F(FileWatcherTest, ItsDescriptorCanBePolled) {
  // By a relative path, so that it does not watch /tmp, which is busy.
  ASSERT_EQ(::chdir(dir.path().c_str()), 0);
  FileWatcher watcher("file");
  watcher.wait();
  pollfd poll_fd{watcher.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0);
  ipc::replace_file("file", "text");
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 1);
  EXPECT_EQ(watcher.wait_until(now()), Notice::changed);
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0);
  ASSERT_EQ(::chdir("/"), 0);
}

TEST_F(FileWatcherTest, LinksInACircleAreAnError) {
  fs::create_symlink(path, path);
  EXPECT_THROW(FileWatcher{path}, std::system_error);
  EXPECT_THROW(FileWatcher{""}, std::system_error);
  EXPECT_THROW(FileWatcher{"/"}, std::system_error);
}

}  // namespace
