#include "common/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/errors.h"

namespace {

using ipc::Deadline;
using ipc::Process;

struct Ends {
  ipc::UniqueFd reader;
  ipc::UniqueFd writer;
};

Ends make_ends() {
  std::array<int, 2> fds{};
  ipc::check(::pipe2(fds.data(), O_CLOEXEC), "pipe2");
  return {ipc::UniqueFd(fds[0]), ipc::UniqueFd(fds[1])};
}

// Waits until `fd` can be read or has no writer left; false after 10 s.
bool wait_readable(int fd) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1,
                Deadline::after(10 * ipc::time_scale()).poll_ms()) == 1;
}

void tell(const ipc::UniqueFd& writer) {
  ipc::check(::write(writer.get(), "x", 1), "write");
}

[[noreturn]] void sleep_for_ever() {
  while (true) ::pause();
}

TEST(Process, JoinReturnsTheExitStatus) {
  EXPECT_EQ(Process("child", [] {}).join(), 0);
  EXPECT_EQ(Process("child", [] { ::_exit(3); }).join(), 3);
}

TEST(Process, JoinReturnsTheNegativeNumberOfTheSignal) {
  Process child("child", [] { sleep_for_ever(); });
  EXPECT_TRUE(child.terminate());
  EXPECT_EQ(child.join(), -SIGTERM);
  EXPECT_EQ(child.join(), -SIGTERM) << "join may be repeated";
  EXPECT_EQ(ipc::describe_status(child.join()), "killed by SIGTERM");
  EXPECT_EQ(ipc::describe_status(3), "exit status 3");
}

TEST(Process, AnExceptionInTheChildIsExitStatusOne) {
  Process child("child", [] { throw std::runtime_error("planned"); });
  EXPECT_EQ(child.join(), 1);
}

TEST(Process, JoinWithADeadlineReturnsNothingWhileTheChildRuns) {
  Process child("child", [] { sleep_for_ever(); });
  EXPECT_EQ(child.join_until(Deadline::after(0.01)), std::nullopt);
  EXPECT_TRUE(child.is_alive());
  child.kill();
  EXPECT_EQ(child.join(), -SIGKILL);
  EXPECT_FALSE(child.is_alive());
}

TEST(Process, TheDestructorKillsAndReaps) {
  pid_t pid = -1;
  {
    const Process child("child", [] { sleep_for_ever(); });
    pid = child.pid();
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Process, AssignmentKillsAndReapsTheOldChild) {
  Process child("old", [] { sleep_for_ever(); });
  const pid_t old = child.pid();
  child = Process("new", [] {});
  EXPECT_EQ(::waitpid(old, nullptr, WNOHANG), -1);
  EXPECT_EQ(child.join(), 0);
}

TEST(Process, AChildDiesWithItsParent) {
  Ends ends = make_ends();
  Process parent("parent", [&] {
    const Process grandchild("grandchild", [&] {
      tell(ends.writer);
      sleep_for_ever();
    });
    sleep_for_ever();
  });
  ends.writer.reset();
  char byte = 0;
  ASSERT_EQ(::read(ends.reader.get(), &byte, 1), 1);
  parent.kill();
  // The grandchild held the last copy of the write end.
  ASSERT_TRUE(wait_readable(ends.reader.get())) << "the grandchild lives on";
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0);
}

TEST(Process, AStatusThatSomebodyElseReapedIsReportedAsLost) {
  Process child("child", [] {});
  ASSERT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  EXPECT_EQ(child.join(), ipc::kStatusLost);
  EXPECT_FALSE(child.is_alive());
}

TEST(Process, ASignalAfterTheEndReachesNobody) {
  Process child("child", [] {});
  // Reaped by others, so that the number is free for a stranger.
  ASSERT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  EXPECT_FALSE(child.kill());
  EXPECT_EQ(child.join(), ipc::kStatusLost);
  EXPECT_FALSE(child.terminate());
}

TEST(Process, TwoHundredChildrenThatEndAtOnceAreAllReaped) {
  Ends gate = make_ends();
  std::vector<Process> children;
  for (int i = 0; i < 200; ++i) {
    children.emplace_back("child", [&] {
      gate.writer.reset();
      (void)wait_readable(gate.reader.get());
    });
  }
  gate.writer.reset();
  for (auto& child : children) EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(Process, WaitAnyReturnsTheOneThatHasEnded) {
  std::vector<Process> children;
  for (int i = 0; i < 3; ++i) {
    children.emplace_back("child", [] { sleep_for_ever(); });
  }
  children[1].kill();
  EXPECT_EQ(ipc::wait_any(children), 1U);
  EXPECT_EQ(children[1].join(), -SIGKILL);
}

TEST(Process, WaitAnyAlsoWaitsForADescriptor) {
  std::vector<Process> children;
  children.emplace_back("child", [] { sleep_for_ever(); });
  Ends ends = make_ends();
  tell(ends.writer);
  EXPECT_EQ(ipc::wait_any(children, ends.reader.get()), 1U);
}

TEST(Process, AGroupOfItsOwnGoesWithItsLeader) {
  Ends ends = make_ends();
  Process leader(
      "leader",
      [&] {
        // A plain fork: nothing but the group ties it to its parent.
        if (::fork() == 0) {
          tell(ends.writer);
          sleep_for_ever();
        }
        ::_exit(0);
      },
      Process::Group::own);
  ends.writer.reset();
  char byte = 0;
  ASSERT_EQ(::read(ends.reader.get(), &byte, 1), 1);
  EXPECT_EQ(leader.join(), 0);
  ASSERT_TRUE(wait_readable(ends.reader.get())) << "the group lives on";
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0);
}

TEST(Process, AChildBeginsWithDefaultSignals) {
  sigset_t mask;
  sigset_t old;
  ::sigfillset(&mask);
  ::sigprocmask(SIG_BLOCK, &mask, &old);
  Process child("child", [] {
    sigset_t now;
    ::sigprocmask(SIG_SETMASK, nullptr, &now);
    ::_exit(::sigismember(&now, SIGTERM));
  });
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  EXPECT_EQ(child.join(), 0);
}

TEST(Process, IsNamedForPs) {
  Process child("Worker 1", [] {
    std::array<char, 16> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    ::_exit(std::string(name.data()) == "Worker 1" ? 0 : 1);
  });
  EXPECT_EQ(child.join(), 0);
}

Process spawn_shell(const std::string& command,
                    Process::Group group = Process::Group::parents) {
  return Process::spawn("Shell", {"/bin/sh", "-c", command}, group);
}

TEST(ProcessSpawn, JoinReturnsTheStatusOfTheProgram) {
  EXPECT_EQ(spawn_shell("exit 3").join(), 3);
  EXPECT_EQ(spawn_shell("kill -KILL $$").join(), -SIGKILL);
}

TEST(ProcessSpawn, AProgramThatIsNotThereIsAnErrorAndLeavesNoZombie) {
  try {
    Process::spawn("Nothing", {"/no/such/program"});
    FAIL() << "it was started";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(ProcessSpawn, AProgramBeginsWithDefaultSignals) {
  sigset_t mask;
  sigset_t old;
  ::sigfillset(&mask);
  ::sigprocmask(SIG_BLOCK, &mask, &old);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGTERM, [](int) {});
  // A shell cannot set a signal to its default that was ignored before.
  Process piped = spawn_shell("kill -PIPE $$; exit 7");
  Process ended = spawn_shell("kill -TERM $$; exit 7");
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  EXPECT_EQ(piped.join(), -SIGPIPE);
  EXPECT_EQ(ended.join(), -SIGTERM);
}

// The end of a pipe that a program gets too.
Ends make_inherited_ends() {
  Ends ends = make_ends();
  ipc::check(::fcntl(ends.writer.get(), F_SETFD, 0), "F_SETFD");
  return ends;
}

TEST(ProcessSpawn, AProgramDiesWithItsParent) {
  Ends ends = make_inherited_ends();
  Process parent("parent", [&] {
    const std::string fd = std::to_string(ends.writer.get());
    const Process program =
        spawn_shell("echo x >&" + fd + "; while :; do sleep 0.01; done");
    sleep_for_ever();
  });
  ends.writer.reset();
  char byte = 0;
  ASSERT_EQ(::read(ends.reader.get(), &byte, 1), 1);
  ASSERT_EQ(::read(ends.reader.get(), &byte, 1), 1);
  parent.kill();
  ASSERT_TRUE(wait_readable(ends.reader.get())) << "the program lives on";
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0);
}

TEST(ProcessSpawn, AGroupOfItsOwnGoesWithTheProgram) {
  Ends ends = make_inherited_ends();
  Process program = spawn_shell("sleep 1000 & exit 0", Process::Group::own);
  ends.writer.reset();
  EXPECT_EQ(program.join(), 0);
  char byte = 0;
  ASSERT_TRUE(wait_readable(ends.reader.get())) << "the group lives on";
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0);
}

}  // namespace
