#include "common/memory/available_memory.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

#include "common/process/names.h"

namespace {

struct AvailableMemory : testing::Test {
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file(root() + path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::string root() const { return dir.path(); }
  [[nodiscard]] size_t available() const {
    return ipc::available_memory(root());
  }

  ipc::TempDir dir;
};

TEST_F(AvailableMemory, IsWhatTheMachineHas) {
  write("/proc/meminfo", "MemTotal: 9 kB\nMemAvailable: 5 kB\nSwapFree: 2 kB");
  EXPECT_EQ(available(), 7U * 1024);
}

TEST_F(AvailableMemory, IsNotKnownWithoutProc) {
  EXPECT_EQ(available(), std::numeric_limits<size_t>::max());
}

TEST_F(AvailableMemory, IsLessInACgroup) {
  write("/proc/meminfo", "MemAvailable: 1000 kB");
  write("/proc/self/cgroup", "0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/memory.max", "5000\n");
  write("/sys/fs/cgroup/outer/memory.current", "4000\n");
  write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("/sys/fs/cgroup/outer/inner/memory.current", "300\n");
  EXPECT_EQ(available(), 1000U);
  // The kernel drops cached files before it kills a process.
  write("/sys/fs/cgroup/outer/memory.stat", "inactive_file 500\nfile 900\n");
  EXPECT_EQ(available(), 1500U);
  write("/sys/fs/cgroup/outer/memory.current", "9000\n");
  EXPECT_EQ(available(), 0U);
}

TEST_F(AvailableMemory, IsLessInACgroupOfTheFirstVersion) {
  write("/proc/meminfo", "MemAvailable: 1000 kB");
  write("/proc/self/cgroup", "8:cpu,cpuacct:/\n7:memory:/test\n0::/\n");
  write("/sys/fs/cgroup/memory/test/memory.limit_in_bytes", "3000\n");
  write("/sys/fs/cgroup/memory/test/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(available(), 2000U);
}

TEST_F(AvailableMemory, InAContainerIsThatOfTheMountedCgroup) {
  write("/proc/meminfo", "MemAvailable: 1000 kB");
  write("/proc/self/cgroup", "0::/of/the/host\n");
  write("/sys/fs/cgroup/memory.max", "3000\n");
  write("/sys/fs/cgroup/memory.current", "1000\n");
  EXPECT_EQ(available(), 2000U);
}

TEST(CheckAvailable, NamesBothSizes) {
  ipc::check_available(1 << 20U, "memory");
  try {
    ipc::check_available(size_t{1} << 60U, "memory");
    FAIL() << "no machine has this much memory";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOMEM);
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("memory of 1152921504606846976 bytes, "))
        << text;
    EXPECT_NE(text.find(" available"), std::string::npos) << text;
  }
}

}  // namespace
