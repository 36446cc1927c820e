#include "common/process/one_cpu.h"

#include <gtest/gtest.h>

namespace {

int cpu_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  return CPU_COUNT(&set);
}

TEST(OneCpu, IsTheOnlyCpuOfTheProcessUntilItIsDestroyed) {
  const int before = cpu_count();
  {
    const ipc::OneCpu one_cpu;
    EXPECT_EQ(cpu_count(), 1);
  }
  EXPECT_EQ(cpu_count(), before);
}

}  // namespace
