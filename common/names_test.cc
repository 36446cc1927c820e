#include "common/names.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "common/process.h"

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

TEST(Names, ATempDirIsPrivateAndGoesWithItsContents) {
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

TEST(Names, RemoveNamesTakesWhatADeadProcessLeft) {
  ipc::Process child("child", [] {
    const auto* const dir = new ipc::TempDir("left");
    std::ofstream(dir->file("file")) << "data";
    std::ofstream("/dev/shm/" + ipc::unique_name("left")) << "data";
    ::_exit(0);
  });
  ASSERT_EQ(child.join(), 0);
  EXPECT_EQ(ipc::remove_names(), 2);
  EXPECT_EQ(ipc::remove_names(), 0);
}

}  // namespace
