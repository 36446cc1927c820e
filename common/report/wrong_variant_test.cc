#include "common/report/wrong_variant.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/process/process.h"

namespace {

constexpr const char* kTell = "IPC_LABS_TEST_TELL";

// What a copy of this program says of itself under another name.
std::string said_by(const std::string& name) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "labs" / "pipes";
  std::filesystem::create_directories(folder);
  const std::string program = folder / name;
  std::filesystem::copy_file("/proc/self/exe", program,
                             std::filesystem::copy_options::overwrite_existing);
  ::setenv(kTell, "1", 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(ipc::Process::spawn("program", {program}).join(), 0);
  ::unsetenv(kTell);
  std::filesystem::remove(program);
  return testing::internal::GetCapturedStderr();
}

// Runs before the tests; the copy ends here and runs none of them.
const bool told = [] {
  if (::getenv(kTell) == nullptr) return false;
  ipc::tell_if_wrong();
  ::_exit(0);
}();

TEST(WrongVariant, NamesTheCommandThatShowsItsMistake) {
  EXPECT_FALSE(told);
  EXPECT_EQ(said_by("wrong_no_framing"),
            "This is a wrong variant: it cannot see its own mistake.\n"
            "./bazelw run //harness:course -- pipes:wrong_no_framing shows how "
            "it is caught.\n");
}

TEST(WrongVariant, AnotherProgramSaysNothing) {
  EXPECT_EQ(said_by("pipes"), "");
}

TEST(WrongVariant, SaysNothingUnderTheHarness) {
  ::setenv("IPC_LABS_RUN", "0123abcd", 1);
  EXPECT_EQ(said_by("wrong_no_framing"), "");
  ::unsetenv("IPC_LABS_RUN");
}

}  // namespace
