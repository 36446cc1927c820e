#include "common/process/process_name.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <array>
#include <string>

namespace {

int named = 0;

TEST(ProcessName, IsMainUntilItIsSetAndAnOldNameStaysReadable) {
  const std::string& first = ipc::process_name();
  EXPECT_EQ(first, "Main");
  ipc::named_hook = [] { ++named; };
  ipc::name_process("A worker of many words");
  ipc::named_hook = nullptr;
  EXPECT_EQ(named, 1);
  EXPECT_EQ(ipc::process_name(), "A worker of many words");
  EXPECT_EQ(first, "Main");
  std::array<char, 16> shown{};
  ASSERT_EQ(::prctl(PR_GET_NAME, shown.data()), 0);
  EXPECT_STREQ(shown.data(), "A worker of man");
}

}  // namespace
