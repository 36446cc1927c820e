#include "common/testing/sweep_testing.h"

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include <ostream>
#include <stdexcept>

#include "common/base/errors.h"
#include "common/process/process.h"
#include "common/testing/test_faults.h"

namespace ipc::testing {

void demand(bool what) {
  if (!what) throw std::runtime_error("it does not do its work");
}

std::ostream& operator<<(std::ostream& out, const Case& which) {
  return out << which.name;
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

namespace {

void expect_clean(const ipc::Sweep& sweep) {
  EXPECT_EQ(sweep.trouble, "");
  printf("%d calls failed in turn, %d of them with an exception\n",
         sweep.failures, sweep.exceptions);
}

}  // namespace

TEST_P(FailureSweep, LeavesNothingBehind) {
  const ipc::Sweep sweep = ipc::fail_each_call(GetParam().action);
  expect_clean(sweep);
}

TEST_P(FailureSweep, ContinuesAfterASignal) {
  expect_clean(ipc::interrupt_each_call(GetParam().action));
}

TEST_P(FailureSweep, LeavesNoDescriptorToPrograms) {
  EXPECT_EQ(ipc::left_to_programs(GetParam().action), "");
}

// A timer interrupts each call that waits, every 50 us and without SA_RESTART,
// in a process that is stopped and continued again and again.
TEST_P(FailureSweep, SurvivesAStormOfSignals) {
  constexpr int kRounds = 5;
  Process child("child", [] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ipc::check(::sigaction(SIGALRM, &action, nullptr), "sigaction");
    const itimerval often{{0, 50}, {0, 50}};
    ipc::check(::setitimer(ITIMER_REAL, &often, nullptr), "setitimer");
    for (int i = 0; i < kRounds; ++i) GetParam().action();
    ::_exit(0);
  });
  const Deadline deadline = limit();
  while (child.is_alive() && !deadline.expired()) {
    (void)child.send_signal(SIGSTOP);
    (void)child.send_signal(SIGCONT);
    (void)child.join_until(Deadline::after(0.002));
  }
  EXPECT_EQ(child.exit_status(), 0);
}

}  // namespace ipc::testing
