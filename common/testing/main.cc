// The main program of every test. It does what ipc::Lab does for a lab.
#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/process/names.h"
#include "common/report/report.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ipc::set_time_scale(::secure_getenv("IPC_LABS_TIME_SCALE"));
  ipc::report_processes();
  const int status = RUN_ALL_TESTS();
  // Removes what children that were killed on purpose left behind.
  ipc::remove_names();
  return status;
}
