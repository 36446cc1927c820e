#include "common/process/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/process/pipe.h"
#include "common/testing/test_basics.h"

namespace {

using ipc::Deadline;
using ipc::Process;

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

TEST(Process, AChildLeavesTheExitHandlersToItsParent) {
  ipc::Process parent("parent", [] {
    static const pid_t maker = ::getpid();
    (void)std::atexit([] {
      if (::getpid() != maker) ::_exit(7);
    });
    ipc::Process child("child", [] {});
    ::_exit(child.join());
  });
  EXPECT_EQ(parent.join(), 0);
}

TEST(Process, AnExceptionInTheChildGivesExitStatusOne) {
  Process child("child", [] { throw std::runtime_error("planned"); });
  EXPECT_EQ(child.join(), 1);
}

TEST(Process, WithoutHooksAnExceptionPrintsALineOnStandardError) {
  const ipc::ProcessHooks hooks = std::exchange(ipc::process_hooks, {});
  testing::internal::CaptureStderr();
  Process child("child", [] { throw std::runtime_error("planned"); });
  EXPECT_EQ(child.join(), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "child: failed: planned\n");
  ipc::process_hooks = hooks;
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
  ipc::Pipe ends = ipc::make_pipe();
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

TEST(Process, AStatusThatOtherCodeReapedIsReportedAsLost) {
  Process child("child", [] {});
  ASSERT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  EXPECT_EQ(child.join(), ipc::kStatusLost);
  EXPECT_FALSE(child.is_alive());
}

TEST(Process, ASignalAfterTheEndReachesNoProcess) {
  Process child("child", [] {});
  // Reaped by other code, so that the number is free for a stranger.
  ASSERT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  EXPECT_FALSE(child.kill());
  EXPECT_EQ(child.join(), ipc::kStatusLost);
  EXPECT_FALSE(child.terminate());
}

TEST(Process, ASignalToAZombieIsReportedAsNotSent) {
  Process child("child", [] {});
  ASSERT_TRUE(wait_readable(child.pidfd()));
  EXPECT_FALSE(child.send_signal(SIGTERM));
  EXPECT_EQ(child.join(), 0);
}

TEST(Process, StatusesAreKeptEvenIfSigchldWasIgnored) {
  Process heir("heir", [] {
    ::signal(SIGCHLD, SIG_IGN);
    if (Process("child", [] { ::_exit(3); }).join() != 3) ::_exit(1);
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    action.sa_flags = SA_NOCLDWAIT;
    ::sigaction(SIGCHLD, &action, nullptr);
    ::_exit(Process::spawn("Shell", {"/bin/sh", "-c", "exit 4"}).join());
  });
  EXPECT_EQ(heir.join(), 4);
}

// A group whose leader other code has reaped. One member is left, which answers
// as long as it lives.
struct Robbed {
  explicit Robbed(ipc::Pipe& asked, ipc::Pipe& answers)
      : leader(
            "leader",
            [&] {
              if (::fork() == 0) {
                char byte = 0;
                while (::read(asked.reader.get(), &byte, 1) == 1) {
                  tell(answers.writer);
                }
              }
              ::_exit(0);
            },
            Process::Group::own),
        group(leader.pid()) {
    ::waitpid(group, nullptr, 0);
  }
  Process leader;
  pid_t group;
};

// After that kill(-number) could reach a stranger.
TEST(Process, AGroupWhoseLeaderOtherCodeHasReapedIsLeftAlone) {
  ipc::Pipe asked = ipc::make_pipe();
  ipc::Pipe answers = ipc::make_pipe();
  const auto lives = [&] {
    tell(asked.writer);
    char byte = 0;
    return ::read(answers.reader.get(), &byte, 1) == 1;
  };
  pid_t group = 0;
  {
    Robbed robbed(asked, answers);
    group = robbed.group;
    answers.writer.reset();
    robbed.leader.kill_group();
    EXPECT_TRUE(lives()) << "after kill_group()";
    EXPECT_EQ(robbed.leader.join(), ipc::kStatusLost);
    EXPECT_TRUE(lives()) << "after join()";
  }
  EXPECT_TRUE(lives()) << "after the destructor";
  ::kill(-group, SIGKILL);
}

TEST(Process, AChildWhoseParentGetsNoPidfdHasDoneNothing) {
  ipc::Pipe ends = ipc::make_pipe();
  Process parent("parent", [&] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 200; ++i) {
      try {
        const Process child("child", [&] { tell(ends.writer); });
        ::_exit(1);
      } catch (const std::system_error& error) {
        if (error.code().value() != EMFILE) ::_exit(2);
      }
    }
    ::_exit(ipc::has_children() ? 3 : 0);
  });
  EXPECT_EQ(parent.join(), 0);
  ends.writer.reset();
  char byte = 0;
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0) << "a child has begun";
}

// The child is stopped at its first instruction until its parent is dead: then
// the kernel sends it no signal about that death.
TEST(Process, AChildEndsIfItsParentDiesBeforeTheTwoAreTied) {
  ipc::Pipe ends = ipc::make_pipe();
  const pid_t parent = ::fork();
  if (parent == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) ::_exit(77);
    ::raise(SIGSTOP);
    const Process child("child", [&] {
      tell(ends.writer);
      sleep_for_ever();
    });
    sleep_for_ever();
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  if (WIFEXITED(status)) GTEST_SKIP() << "ptrace(2) is not allowed here";
  constexpr long kOptions = PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL;
  ASSERT_EQ(::ptrace(PTRACE_SETOPTIONS, parent, nullptr, kOptions), 0);
  ASSERT_EQ(::ptrace(PTRACE_CONT, parent, nullptr, nullptr), 0);
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  ASSERT_EQ(status >> 8, SIGTRAP | (PTRACE_EVENT_FORK << 8));
  unsigned long child = 0;
  ASSERT_EQ(::ptrace(PTRACE_GETEVENTMSG, parent, nullptr, &child), 0);
  ASSERT_EQ(::waitpid(static_cast<pid_t>(child), &status, __WALL),
            static_cast<pid_t>(child));
  ::kill(parent, SIGKILL);
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  ASSERT_EQ(::ptrace(PTRACE_DETACH, child, nullptr, nullptr), 0);
  ends.writer.reset();
  char byte = 0;
  const bool ended = wait_readable(ends.reader.get());
  if (!ended) ::kill(static_cast<pid_t>(child), SIGKILL);
  EXPECT_TRUE(ended) << "it waits forever";
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0) << "it has begun";
}

TEST(Process, AChildInANewPidNamespaceRuns) {
  Process outer("outer", [] {
    if (::unshare(CLONE_NEWPID) == -1 &&
        ::unshare(CLONE_NEWUSER | CLONE_NEWPID) == -1) {
      ::_exit(77);
    }
    if (Process("first", [] { ::_exit(3); }).join() != 3) ::_exit(1);
  });
  const int status = outer.join();
  if (status == 77) GTEST_SKIP() << "no namespaces";
  EXPECT_EQ(status, 0);
}

TEST(Process, TwoHundredChildrenThatEndAtOnceAreAllReaped) {
  ipc::Pipe gate = ipc::make_pipe();
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
  ipc::Pipe ends = ipc::make_pipe();
  tell(ends.writer);
  EXPECT_EQ(ipc::wait_any(children, ends.reader.get()), 1U);
}

TEST(Process, AGroupOfItsOwnIsKilledWithItsLeader) {
  ipc::Pipe ends = ipc::make_pipe();
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

TEST(Process, AChildHasNoHandlersButKeepsTheIgnoredSignalsThatShieldIt) {
  Process parent("parent", [] {
    ::signal(SIGUSR1, [](int) {});
    ::signal(SIGALRM, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    Process child("child", [] {
      const auto is = [](int number, sighandler_t wanted) {
        struct sigaction action {};
        ::sigaction(number, nullptr, &action);
        return action.sa_handler == wanted;
      };
      if (!is(SIGUSR1, SIG_DFL) || !is(SIGALRM, SIG_DFL)) ::_exit(1);
      if (!is(SIGPIPE, SIG_IGN) || !is(SIGHUP, SIG_IGN)) ::_exit(2);
    });
    ::_exit(child.join());
  });
  EXPECT_EQ(parent.join(), 0);
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
  EXPECT_EQ(ipc::testing::error_of(
                [] { Process::spawn("Nothing", {"/no/such/program"}); }),
            ENOENT);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(ProcessSpawn, AProgramBeginsWithDefaultSignals) {
  sigset_t mask;
  sigset_t old;
  ::sigfillset(&mask);
  ::sigprocmask(SIG_BLOCK, &mask, &old);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGTERM, [](int) {});
  // A shell cannot reset a signal that was ignored when it was started.
  Process piped = spawn_shell("kill -PIPE $$; exit 7");
  Process ended = spawn_shell("kill -TERM $$; exit 7");
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  EXPECT_EQ(piped.join(), -SIGPIPE);
  EXPECT_EQ(ended.join(), -SIGTERM);
}

// A pipe whose write end a program inherits too.
ipc::Pipe make_inherited_ends() {
  ipc::Pipe ends = ipc::make_pipe();
  ipc::check(::fcntl(ends.writer.get(), F_SETFD, 0), "F_SETFD");
  return ends;
}

TEST(ProcessSpawn, AProgramDiesWithItsParent) {
  ipc::Pipe ends = make_inherited_ends();
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

// This is inconvenient, but it is what the header says.
TEST(ProcessSpawn, AProgramDiesWithTheThreadThatMadeIt) {
  std::optional<Process> program;
  std::thread([&] {
    program = spawn_shell("while :; do sleep 0.01; done");
  }).join();
  const auto status =
      program->join_until(Deadline::after(10 * ipc::time_scale()));
  EXPECT_EQ(status, -SIGKILL);
}

TEST(ProcessSpawn, AGroupOfItsOwnIsKilledWithTheProgram) {
  ipc::Pipe ends = make_inherited_ends();
  Process program = spawn_shell("sleep 1000 & exit 0", Process::Group::own);
  ends.writer.reset();
  EXPECT_EQ(program.join(), 0);
  char byte = 0;
  ASSERT_TRUE(wait_readable(ends.reader.get())) << "the group lives on";
  EXPECT_EQ(::read(ends.reader.get(), &byte, 1), 0);
}

// Runs `make` in a process of its own and kills what it has forked; how many.
int kill_what(const std::function<void()>& make) {
  // A group of its own, so that a test that fails leaves no process behind.
  Process world(
      "world",
      [&] {
        ipc::check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
        make();
        const int killed = ipc::kill_descendants();
        ::_exit(ipc::has_children() ? 100 + killed : killed);
      },
      Process::Group::own);
  const auto status = world.join_until(Deadline::after(30 * ipc::time_scale()));
  EXPECT_TRUE(status) << "it does not end";
  return status.value_or(-1);
}

void fork_sleeper() {
  if (ipc::check(::fork(), "fork") == 0) sleep_for_ever();
}

TEST(KillDescendants, FindsTheChildrenOfAllThreads) {
  EXPECT_EQ(kill_what([] {
              ipc::Pipe ends = ipc::make_pipe();
              std::thread([&] {
                fork_sleeper();
                tell(ends.writer);
                sleep_for_ever();
              }).detach();
              (void)wait_readable(ends.reader.get());
              fork_sleeper();
            }),
            2);
}

TEST(KillDescendants, NeedsNoDescriptor) {
  EXPECT_EQ(kill_what([] {
              fork_sleeper();
              const rlimit none{0, 0};
              ::setrlimit(RLIMIT_NOFILE, &none);
            }),
            1);
}

TEST(KillDescendants, IsNotMisledByTheProcOfAnotherNamespace) {
  constexpr int kNoNamespaces = 77;
  Process outer("outer", [] {
    if (::unshare(CLONE_NEWPID) == -1 &&
        ::unshare(CLONE_NEWUSER | CLONE_NEWPID) == -1) {
      ::_exit(kNoNamespaces);
    }
    // Its number is 1 there; in /proc another process has the number 1.
    ::_exit(kill_what([] { fork_sleeper(); }));
  });
  const int status = outer.join();
  if (status == kNoNamespaces) GTEST_SKIP() << "no namespaces";
  EXPECT_EQ(status, 1);
}

TEST(ProcessSpawn, ProgramsThatAreStartedDoNotInheritAPidfd) {
  Process forked("child", [] {});
  Process program = spawn_shell("exit 0");
  for (Process* const one : {&forked, &program}) {
    EXPECT_EQ(::fcntl(one->pidfd(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(one->join(), 0);
  }
}

}  // namespace
