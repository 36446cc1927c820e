// The main program of every test: what Lab does for a lab.
#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/report/report.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ipc::set_time_scale(::secure_getenv("IPC_LABS_TIME_SCALE"));
  ipc::report_processes();
  return RUN_ALL_TESTS();
}
