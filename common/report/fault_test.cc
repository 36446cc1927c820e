#include "common/report/fault.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <string>

#include "common/base/clock.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

// The exit status of a child "Worker 1" that says two lines, under this order.
int end_under(const char* order) {
  ::setenv("IPC_LABS_FAULT", order, 1);
  ipc::Process worker("Worker 1", [] {
    ipc::say("first");
    ipc::say("second");
  });
  const int status = worker.join();
  ::unsetenv("IPC_LABS_FAULT");
  return status;
}

// What that child has said by its end.
std::string said_under(const char* order) {
  testing::internal::CaptureStdout();
  (void)end_under(order);
  return testing::internal::GetCapturedStdout();
}

TEST(Fault, AProcessFailsAtThePointThatIsOrdered) {
  EXPECT_EQ(end_under("Worker 1:exit=3"), 3);
  EXPECT_EQ(end_under("Worker 1:exit=3@start"), 3);
  EXPECT_EQ(end_under("Worker 1:exit=3@2"), 3);
  EXPECT_EQ(end_under("Worker 1:exit=3@end"), 3);
  EXPECT_EQ(end_under("Worker 1:kill@1"), -SIGKILL);
}

TEST(Fault, OthersAndOtherPointsAreLeftAlone) {
  EXPECT_EQ(end_under("Worker 10:kill"), 0);
  EXPECT_EQ(end_under("Worker 1:kill@3"), 0);
  EXPECT_EQ(end_under("Worker 1"), 0);
  EXPECT_EQ(end_under(""), 0);
}

TEST(Fault, LinesSaidBeforeTheFaultArePrinted) {
  EXPECT_EQ(said_under("Worker 1:kill@1"), "Worker 1: first\n");
  EXPECT_EQ(said_under("Worker 1:kill@line"), "Worker 1: first\n");
  EXPECT_EQ(said_under("Worker 1:kill@say"), "");
}

TEST(Fault, AProcessCanBeSlowAtEveryLine) {
  const int64_t start_ns = ipc::now_ns();
  EXPECT_EQ(end_under("Worker 1:slow=0.05@line"), 0);
  EXPECT_GE(ipc::now_ns() - start_ns, 100'000'000);
}

TEST(Fault, AProcessCanStop) {
  ::setenv("IPC_LABS_FAULT", "Worker 1:stop@end", 1);
  ipc::Process worker("Worker 1", [] {});
  ::unsetenv("IPC_LABS_FAULT");
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(worker.pid()), &info, WSTOPPED),
            0);
  EXPECT_EQ(info.si_status, SIGSTOP);
}

}  // namespace
