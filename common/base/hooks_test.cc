#include "common/base/hooks.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace {

class NotingGate final : public ipc::Gate {
 public:
  void stop_at(std::string_view place, bool inner) override {
    last = std::string(place) + (inner ? ", inside" : "");
  }

  std::string last;
};

TEST(Point, IsPassedIfThereIsNoGate) {
  ipc::point("without a gate");
  ipc::inner_point("without a gate");
  EXPECT_EQ(ipc::gate(), nullptr);
}

TEST(Point, StopsAtTheGateWithItsPlace) {
  NotingGate gate;
  ipc::process_gate = &gate;
  ipc::point("after load");
  EXPECT_EQ(gate.last, "after load");
  ipc::inner_point("before publish");
  EXPECT_EQ(gate.last, "before publish, inside");
  EXPECT_EQ(ipc::gate(), &gate);
  ipc::process_gate = nullptr;
}

TEST(Point, HasNoGateInAChildThatIsNotArranged) {
  NotingGate gate;
  ipc::process_gate = &gate;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(ipc::gate() == nullptr ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ipc::process_gate = nullptr;
}

// How many instructions a child executes in `work`, counted one by one.
int count_instructions(void (*work)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) ::_exit(1);
    (void)::raise(SIGSTOP);
    work();
    ::_exit(0);
  }
  int count = 0;
  int status = 0;
  while (::waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    ++count;
    (void)::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
  }
  EXPECT_EQ(status, 0);
  return count;
}

volatile int touched = 0;

TEST(Point, CostsThreeInstructionsIfThereIsNoGate) {
  const int without = count_instructions([] { touched = 1; });
  const int with = count_instructions([] {
    ipc::point("without a gate");
    touched = 1;
  });
  printf("A point costs %d instructions in this build\n", with - without);
  EXPECT_GT(with, without);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
  EXPECT_LE(with - without, 3);
#endif
}

}  // namespace
