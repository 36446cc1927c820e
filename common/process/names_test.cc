#include "common/process/names.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/process/kernel_object.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/testing/test_faults.h"

namespace {

namespace fs = std::filesystem;

TEST(Names, AreUniqueAndBeginWithThePrefixOfTheRun) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(ipc::unique_name("x"));
  EXPECT_EQ(names.size(), 100U);
  for (const auto& name : names) {
    EXPECT_TRUE(name.starts_with(ipc::name_prefix())) << name;
    EXPECT_LT(name.size(), 60U) << name;
  }
}

TEST(Names, AChildSharesThePrefixButNotTheNames) {
  const ipc::TempDir dir;
  const std::string prefix = ipc::name_prefix();
  const auto child = [&] {
    std::ofstream(dir.file("prefix")) << ipc::name_prefix();
    std::ofstream(dir.file("name")) << ipc::unique_name("x");
  };
  EXPECT_EQ(ipc::Process("child", child).join(), 0);
  std::string theirs;
  std::ifstream(dir.file("prefix")) >> theirs;
  EXPECT_EQ(theirs, prefix);
  std::ifstream(dir.file("name")) >> theirs;
  EXPECT_NE(theirs, ipc::unique_name("x"));
}

TEST(Names, CarryTheTokenOfTheHarness) {
  const auto child = [] {
    ipc::set_run_token("01ab89cd");
    ipc::begin_run();
    const std::string random = "-01ab89cd";
    const bool has = ipc::name_prefix().find(random) != std::string::npos &&
                     ipc::unique_name("x").starts_with(ipc::name_prefix()) &&
                     ipc::unique_name("").size() <= 50;
    ipc::set_run_token("../01ab8");  // No part of a name.
    ipc::begin_run();
    const bool refuses = ipc::name_prefix().find('/') == std::string::npos;
    ipc::remove_names();
    ::_exit(has && refuses ? 0 : 1);
  };
  EXPECT_EQ(ipc::Process("child", child).join(), 0);
}

TEST(Names, ATempDirIsPrivateAndIsRemovedWithItsContents) {
  std::string path;
  {
    const ipc::TempDir dir("config");
    path = dir.path();
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U);
    std::ofstream(dir.file("file")) << "data";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(Names, AChildThatInheritsATempDirDoesNotRemoveIt) {
  auto* const dir = new ipc::TempDir("shared");
  EXPECT_EQ(ipc::Process("child", [&] { delete dir; }).join(), 0);
  EXPECT_TRUE(fs::exists(dir->path()));
  delete dir;
}

TEST(Names, RemoveNamesRemovesWhatADeadProcessLeft) {
  ipc::Process child("child", [] {
    const auto* const dir = new ipc::TempDir("left");
    std::ofstream(dir->file("file")) << "data";
    std::ofstream("/dev/shm/" + ipc::unique_name("left")) << "data";
    ::_exit(0);
  });
  ASSERT_EQ(child.join(), 0);
  const std::string lock = "/tmp/" + ipc::name_prefix() + "-run";
  EXPECT_TRUE(fs::exists(lock));
  EXPECT_EQ(ipc::remove_names(), 2);
  EXPECT_FALSE(fs::exists(lock));
  EXPECT_EQ(ipc::remove_names(), 0);
}

// A queue and memory that appear in no folder, and whether they exist.
struct Objects {
  ipc::NotedObject queue{ipc::ObjectKind::posix_queue};
  ipc::NotedObject memory{ipc::ObjectKind::sysv_memory};

  void make() const {
    const mqd_t opened = ::mq_open(queue.queue().c_str(),
                                   O_RDWR | O_CREAT | O_EXCL, 0600, nullptr);
    ASSERT_NE(opened, -1);
    ::mq_close(opened);
    ASSERT_NE(::shmget(memory.key(), 1, IPC_CREAT | IPC_EXCL | 0600), -1);
  }
  [[nodiscard]] int count() const { return queue.exists() + memory.exists(); }
};

TEST(Names, ANotedObjectIsRemovedWithItsNoteButNotByAChild) {
  auto* const objects = new Objects;
  EXPECT_EQ(objects->count(), 0);
  objects->make();
  const std::string queue = objects->queue.queue();
  EXPECT_TRUE(fs::exists("/tmp" + queue));
  EXPECT_EQ(ipc::Process("child", [&] { delete objects; }).join(), 0);
  EXPECT_EQ(objects->count(), 2);
  const key_t key = objects->memory.key();
  delete objects;
  EXPECT_FALSE(fs::exists("/tmp" + queue));
  EXPECT_EQ(::mq_unlink(queue.c_str()), -1);
  EXPECT_EQ(::shmget(key, 0, 0), -1);
}

TEST(Names, RemoveNamesRemovesObjectsByTheirNotes) {
  const Objects objects;
  objects.make();
  EXPECT_EQ(objects.count(), 2);
  EXPECT_EQ(ipc::remove_names(), 2);
  EXPECT_EQ(objects.count(), 0);
}

// The tests that follow have a /tmp and a /dev/shm of their own: other programs
// sweep the real ones too, and would remove what these tests leave.
struct NamesSweep : testing::Test {
  static void SetUpTestSuite() {
    for (const char* const folder : {"/tmp", "/dev/shm"}) {
      if (problem.empty()) problem = ipc::enter_small_disk(folder, 16 << 20);
    }
  }
  void SetUp() override {
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
  static inline std::string problem;
};

// A run that has a name in both folders and lasts until it is killed.
struct ForeignRun {
  ipc::TempDir dir;
  ipc::Pipe ready = ipc::make_pipe();
  ipc::Process process{"run", [this] {
                         ipc::begin_run();
                         const ipc::TempDir left("left");
                         const std::string shm = ipc::unique_name("left");
                         std::ofstream("/dev/shm/" + shm) << "data";
                         std::ofstream(dir.file("names"))
                             << left.path() << " /dev/shm/" << shm << " /tmp/"
                             << ipc::name_prefix() << "-run";
                         ready = {};
                         while (true) ::pause();
                       }};
  std::string folder, shm, lock;

  ForeignRun() {
    ready.writer.reset();
    char byte = 0;
    EXPECT_EQ(::read(ready.reader.get(), &byte, 1), 0);
    std::ifstream(dir.file("names")) >> folder >> shm >> lock;
  }
};

TEST_F(NamesSweep, RemovesNamesOnceAllProcessesOfTheirRunAreDead) {
  ForeignRun run;
  ipc::remove_stale_names();
  for (const auto& path : {run.folder, run.shm, run.lock}) {
    EXPECT_TRUE(fs::exists(path)) << path << " was removed from a live run";
  }
  run.process.kill();
  EXPECT_EQ(run.process.join(), -SIGKILL);
  EXPECT_EQ(ipc::remove_stale_names(), 2);
  for (const auto& path : {run.folder, run.shm, run.lock}) {
    EXPECT_FALSE(fs::exists(path)) << path << " was left behind";
  }
}

TEST_F(NamesSweep, RemovesObjectsOfADeadRunAndNotOfALiveOne) {
  const ipc::TempDir dir;
  ipc::Pipe ready = ipc::make_pipe();
  ipc::Process other("run", [&] {
    ipc::begin_run();
    const Objects objects;
    objects.make();
    std::ofstream(dir.file("names"))
        << objects.queue.queue() << " " << objects.memory.key();
    ready = {};
    while (true) ::pause();
  });
  ready.writer.reset();
  char byte = 0;
  ASSERT_EQ(::read(ready.reader.get(), &byte, 1), 0);
  std::string queue;
  key_t key = 0;
  std::ifstream(dir.file("names")) >> queue >> key;
  ipc::remove_stale_names();
  EXPECT_NE(::shmget(key, 0, 0), -1) << "removed from a live run";
  other.kill();
  EXPECT_EQ(other.join(), -SIGKILL);
  EXPECT_EQ(ipc::remove_stale_names(), 2);
  EXPECT_EQ(::shmget(key, 0, 0), -1);
  EXPECT_EQ(::mq_unlink(queue.c_str()), -1);
}

TEST_F(NamesSweep, DoesNoHarmToARunThatBeginsMeanwhile) {
  ipc::Pipe done = ipc::make_pipe();
  ipc::Process sweeper("sweeper", [&] {
    done.writer.reset();
    pollfd over{done.reader.get(), 0, 0};
    while (::poll(&over, 1, 0) == 0) ipc::remove_stale_names();
  });
  for (int i = 0; i < 300; ++i) {
    ipc::begin_run();
    const ipc::TempDir dir("new");
    EXPECT_TRUE(fs::exists("/tmp/" + ipc::name_prefix() + "-run"));
    EXPECT_TRUE(fs::exists(dir.path()));
  }
  done.writer.reset();
  EXPECT_EQ(sweeper.join(), 0);
}

TEST_F(NamesSweep, LeavesWhatOnlyLooksLikeALockFile) {
  const ipc::TempDir folder("folder");
  const std::string file = "/tmp/" + ipc::unique_name("run");
  std::ofstream(file).close();
  ipc::remove_stale_names();
  EXPECT_TRUE(fs::exists(file));
  EXPECT_TRUE(fs::exists(folder.path()));
  fs::remove(file);

  ForeignRun run;
  // Something else has the name of a dead run's lock file: a trap.
  run.process.kill();
  run.process.join();
  fs::remove(run.lock);
  ASSERT_EQ(::mkfifo(run.lock.c_str(), 0600), 0);
  ipc::remove_stale_names();
  EXPECT_TRUE(fs::exists(run.shm));
  fs::remove(run.lock);
  fs::create_symlink(run.dir.file("names"), run.lock);
  ipc::remove_stale_names();
  EXPECT_TRUE(fs::exists(run.shm));
  fs::remove(run.lock);

  std::ofstream(run.lock).close();
  ipc::remove_stale_names();
  EXPECT_FALSE(fs::exists(run.shm));
}

TEST(Names, AUmaskDoesNotChangeTheRightsOfTheirOwner) {
  ipc::Process child("child", [] {
    ::umask(0777);
    ipc::begin_run();
    const ipc::TempDir dir;
    struct stat folder {};
    struct stat lock {};
    ::stat(dir.path().c_str(), &folder);
    ::stat(("/tmp/" + ipc::name_prefix() + "-run").c_str(), &lock);
    ipc::remove_names();
    if ((folder.st_mode & 07777U) != 0700U) ::_exit(2);
    ::_exit((lock.st_mode & 07777U) == 0600U ? 0 : 3);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST(Names, TwoThreadsNeverGetTheSameName) {
  constexpr int kNames = 20'000;
  std::array<std::vector<std::string>, 2> names;
  std::vector<std::thread> threads;
  for (auto& own : names) {
    threads.emplace_back([&own] {
      for (int i = 0; i < kNames; ++i) own.push_back(ipc::unique_name("x"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all(names[0].begin(), names[0].end());
  all.insert(names[1].begin(), names[1].end());
  EXPECT_EQ(all.size(), 2U * kNames);
}

}  // namespace
