#include "common/lab/lab.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/process/process_name.h"
#include "common/report/report.h"
#include "common/sync/lock.h"
#include "common/testing/test_faults.h"

namespace {

struct Result {
  int status = 0;
  std::string out;
};

using Lesson = std::function<std::string()>;

// Runs a lab with `arguments` in a child, with both outputs in a file.
class LabRun {
 public:
  // `inherit` sets up what the lab inherits from its caller.
  LabRun(
      std::vector<std::string> arguments, Lesson lesson, double limit_s = 60,
      const std::function<void()>& inherit = [] {})
      : child_("lab", [&, arguments = std::move(arguments)]() mutable {
          const std::string out = dir_.file("out");
          if (::freopen(out.c_str(), "w", stdout) == nullptr) ::_exit(9);
          ::dup2(STDOUT_FILENO, STDERR_FILENO);
          arguments.insert(arguments.begin(), "lab");
          std::vector<char*> argv;
          for (auto& argument : arguments) argv.push_back(argument.data());
          ipc::Lab lab("lab", "A lab for tests.");
          lab.option("--count", count, 1, 9, "how many");
          lab.option("--share", share, 0.0, 1.0, "how much");
          if (at_end) lab.at_end(at_end);
          const int argc = static_cast<int>(argv.size());
          inherit();
          const int status = lab.run(argc, argv.data(), lesson, limit_s);
          ::fflush(stdout);
          ::_exit(status);
        }) {}

  ipc::Process& keeper() { return child_; }

  Result end() {
    const int status = child_.join();
    std::stringstream out;
    out << std::ifstream(dir_.file("out")).rdbuf();
    return {status, out.str()};
  }

  static inline int count = 3;
  static inline double share = 1;
  static inline std::function<void()> at_end;

 private:
  ipc::TempDir dir_{"lab"};
  ipc::Process child_;
};

TEST(Lab, ALessonWithoutAReasonPasses) {
  const Result result = LabRun({}, [] { return std::string(); }).end();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "Main: PASS\n");
}

TEST(Lab, AReasonOrAnExceptionFails) {
  Result result = LabRun({}, [] { return std::string("too slow"); }).end();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "Main: FAIL too slow\n");
  result = LabRun({}, []() -> std::string {
             ipc::throw_error(ENOSPC, "write");
           }).end();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "Main: FAIL write: No space left on device\n");
}

TEST(Lab, ALessonThatCannotBePlayedHereNeitherPassesNorFails) {
  const Result result = LabRun({}, []() -> std::string {
                          throw ipc::Skip("no broker; apt-get install one");
                        }).end();
  EXPECT_EQ(result.status, 77);
  EXPECT_EQ(result.out, "Main: SKIP no broker; apt-get install one\n");
}

TEST(Lab, AFlagSetsItsValue) {
  const Lesson lesson = [] { return std::to_string(LabRun::count); };
  EXPECT_EQ(LabRun({"--count=7"}, lesson).end().out, "Main: FAIL 7\n");
}

TEST(Lab, AWrongFlagOrValueIsOneLineAndStatusTwo) {
  const Lesson lesson = [] { return std::string(); };
  Result result = LabRun({"--cuont=7"}, lesson).end();
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out,
            "lab: The following argument was not expected: --cuont=7; "
            "see --help\n");
  for (const char* const wrong : {"--count=10", "--count=x", "--pace=-1",
                                  "--pace=nan", "--share=nan", "--share=2"}) {
    result = LabRun({wrong}, lesson).end();
    EXPECT_EQ(result.status, 2) << wrong;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1)
        << result.out;
  }
}

TEST(Lab, HelpNamesEveryFlag) {
  const Result result = LabRun({"--help"}, [] { return std::string(); }).end();
  EXPECT_EQ(result.status, 0);
  for (const char* const flag : {"--count", "--pace", "--seed", "--help"}) {
    EXPECT_NE(result.out.find(flag), std::string::npos) << result.out;
  }
}

TEST(Lab, TheStepAtTheEndIsCalledHoweverTheLabEnds) {
  const ipc::Shared<std::atomic<int>> alive;
  const ipc::Shared<std::atomic<int>> seen;
  LabRun::at_end = [&] { *seen = *alive == 0 ? 1 : ::kill(*alive, 0); };
  const Lesson passes = [] { return std::string(); };
  EXPECT_EQ(LabRun({}, passes).end().status, 0);
  EXPECT_EQ(*seen, 1);
  const Lesson hangs = [&]() -> std::string {
    const ipc::Process child("Child", [&] {
      *alive = ::getpid();
      while (true) ::pause();
    });
    while (true) ::pause();
  };
  LabRun run({}, hangs);
  while (*alive == 0) ::sched_yield();
  run.keeper().terminate();
  EXPECT_EQ(run.end().status, 128 + SIGTERM);
  EXPECT_EQ(*seen, -1) << "it was called while a process was left";
  LabRun::at_end = {};
}

TEST(Lab, ALessonThatDoesNotEndIsEndedAtTheLimit) {
  const Lesson lesson = []() -> std::string {
    while (true) ::pause();
  };
  const Result result = LabRun({}, lesson, 0.05).end();
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(result.out.starts_with("Main: FAIL not finished within"))
      << result.out;
}

// It ends long before the limit, because it would wait in vain.
TEST(Lab, ADeadChildThatMainDoesNotReapEndsTheLab) {
  for (const bool is_killed : {true, false}) {
    const Lesson lesson = [=]() -> std::string {
      const ipc::Process well("Well", [] {});
      const ipc::Process actor("Actor", [=] {
        if (is_killed) ::raise(SIGKILL);
        ::_exit(3);
      });
      while (true) ::pause();
    };
    const Result result = LabRun({}, lesson, 100).end();
    EXPECT_EQ(result.out,
              fmt::format("Main: FAIL Actor: {}, but the lab is still "
                          "waiting\n",
                          is_killed ? "killed by SIGKILL" : "exit status 3"));
    EXPECT_EQ(result.status, 1);
  }
}

// A process that sees that Main has gone may say so, but not after the verdict.
TEST(Lab, WhenTheKeeperEndsTheLabTheVerdictIsTheLastLine) {
  const Lesson lesson = []() -> std::string {
    ipc::Pipe pipe = ipc::make_pipe();
    for (int i = 0; i < 10; ++i) {
      if (::fork() != 0) continue;  // It does not die with Main.
      pipe.writer.reset();
      char end = 0;
      (void)ipc::retry([&] { return ::read(pipe.reader.get(), &end, 1); });
      ipc::say("Main has gone");
      while (true) ::pause();
    }
    while (true) ::pause();
  };
  const Result result = LabRun({}, lesson, 0.2).end();
  ASSERT_NE(result.out.find("FAIL"), std::string::npos);
  EXPECT_EQ(result.out.find("gone", result.out.find("FAIL")),
            std::string::npos);
  EXPECT_EQ(result.status, 1);
}

TEST(Lab, ALabThatWasStoppedForLongerThanItsLimitIsNotLate) {
  const double limit_s = 0.5 * ipc::time_scale();
  const Lesson lesson = [&]() -> std::string {
    // More than the limit passes while the keeper is stopped. The test is about
    // this time, so it must sleep.
    if (::kill(::getppid(), SIGSTOP) != 0) return "no keeper";
    const auto sleep_s = [](double seconds) {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    };
    sleep_s(1.5 * limit_s);
    if (::kill(::getppid(), SIGCONT) != 0) return "no keeper";
    sleep_s(0.1 * limit_s);  // Here a wrong keeper would say that it is late.
    return "";
  };
  const Result result = LabRun({}, lesson, 0.5).end();
  EXPECT_EQ(result.out, "Main: PASS\n");
  EXPECT_EQ(result.status, 0);
}

TEST(Lab, LeftoversOfALessonAreRemovedAndReportedAndAFailure) {
  const Result result = LabRun({}, [] {
                          std::ofstream("/dev/shm/" + ipc::unique_name("left"))
                              << "data";
                          if (::fork() == 0) {
                            while (true) ::pause();
                          }
                          return std::string();
                        }).end();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out,
            "Main: PASS\n"
            "lab: left behind, and now removed: processes 1, names 1\n");
}

TEST(Lab, AMainThatIsKilledIsReported) {
  const Result result = LabRun({}, []() -> std::string {
                          ::raise(SIGSEGV);
                          return "";
                        }).end();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "Main: FAIL Main was killed by SIGSEGV\n");
}

// Ends a lab in the middle, while it has a daemon, a folder and shared memory,
// and looks whether anything is left.
TEST(Lab, ASignalEndsEverythingAndLeavesNothing) {
  std::array<int, 2> fds{};
  ipc::check(::pipe(fds.data()), "pipe");
  const Lesson lesson = [&]() -> std::string {
    const ipc::TempDir dir("left");
    std::ofstream("/dev/shm/" + ipc::unique_name("left")) << "data";
    if (::fork() == 0) {
      ::setsid();
      const std::string line = dir.path() + "\n";
      (void)!::write(fds[1], line.data(), line.size());
    }
    while (true) ::pause();
  };
  LabRun lab({}, lesson);
  ::close(fds[1]);
  std::string path;
  for (char c = 0; ::read(fds[0], &c, 1) == 1 && c != '\n';) path += c;
  EXPECT_TRUE(std::filesystem::exists(path));

  lab.keeper().send_signal(SIGTERM);
  EXPECT_EQ(lab.end().status, 128 + SIGTERM);
  EXPECT_FALSE(std::filesystem::exists(path));
  char byte = 0;
  EXPECT_EQ(::read(fds[0], &byte, 1), 0) << "a process of the lab lives on";
  ::close(fds[0]);
}

TEST(Lab, LeftoversOfMainAreRemovedUnlessTheHarnessLooksForThem) {
  const Lesson lesson = []() -> std::string {
    const std::string path = "/tmp/" + ipc::unique_name("forgotten");
    std::ofstream(path) << "data";
    return path;
  };
  constexpr std::string_view kStart = "Main: FAIL ";
  const auto forgotten = [&] {
    const std::string out = LabRun({}, lesson).end().out;
    return out.substr(kStart.size(), out.size() - kStart.size() - 1);
  };
  EXPECT_FALSE(std::filesystem::exists(forgotten()));
  ::setenv("IPC_LABS_NO_SWEEP", "1", 1);
  const std::string path = forgotten();
  ::unsetenv("IPC_LABS_NO_SWEEP");
  EXPECT_TRUE(std::filesystem::remove(path)) << path;
  // "/tmp/ipc-labs-<pid>-<8 digits>" is the prefix of that run.
  const std::string prefix = path.substr(0, path.find('-', 14) + 9);
  EXPECT_FALSE(std::filesystem::exists(prefix + "-run")) << prefix;
}

TEST(Lab, LeftoversOfAKilledKeeperAreRemovedByTheNextLab) {
  const ipc::TempDir dir;
  const Lesson lesson = [&]() -> std::string {
    const ipc::TempDir left("left");
    std::ofstream(dir.file("half")) << left.path();
    std::filesystem::rename(dir.file("half"), dir.file("path"));
    while (true) ::pause();
  };
  LabRun lab({}, lesson);
  while (!std::filesystem::exists(dir.file("path"))) ::usleep(1000);
  lab.keeper().kill();
  EXPECT_EQ(lab.end().status, -SIGKILL);
  std::string path;
  std::ifstream(dir.file("path")) >> path;
  ASSERT_NE(path, "");
  // The lock goes with the last process of the run. The kernel ends that
  // process after the keeper, and nothing reports when.
  const auto deadline = ipc::Deadline::after(10 * ipc::time_scale());
  while (std::filesystem::exists(path) && !deadline.expired()) {
    LabRun({}, [] { return std::string(); }).end();
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << path;
}

TEST(Lab, ExploredProcessesDoNotPause) {
  const auto scenario = [](ipc::Schedule& schedule) -> std::string {
    schedule.add("Worker", [] { ipc::pause_s(3600); });
    schedule.run();
    return "done";
  };
  const auto limit = ipc::Deadline::after(60 * ipc::time_scale());
  EXPECT_EQ(ipc::explore(scenario, {}).texts(),
            std::vector<std::string>{"done"});
  EXPECT_FALSE(limit.expired());
}

TEST(Lab, RandomChoicesDependOnTheSeedAndOnTheNumber) {
  auto first = ipc::random_source(1);
  auto same = ipc::random_source(1);
  auto other = ipc::random_source(2);
  const double value = ipc::random_unit(first);
  EXPECT_EQ(value, ipc::random_unit(same));
  EXPECT_NE(value, ipc::random_unit(other));
  for (int i = 0; i < 1000; ++i) {
    const int number = ipc::random_int(first, 3, 7);
    EXPECT_GE(number, 3);
    EXPECT_LE(number, 7);
  }
}

// What a hanging lab prints for a user who runs it by hand. The harness prints
// the same about it; see harness/hang_test.py.
std::string explanation_of(const Lesson& lesson) {
  const Result result = LabRun({}, lesson, 2).end();
  EXPECT_EQ(result.status, 1);
  return std::regex_replace(result.out, std::regex(R"(\d{3,}|@\w+)"), "N");
}

TEST(LabExplains, ADeadlockWithItsCircle) {
  const std::string said = explanation_of([]() -> std::string {
    const ipc::Shared<std::array<ipc::Lock, 2>> locks;
    ipc::describe_object("Lock", &(*locks)[0], "left");
    ipc::describe_object("Lock", &(*locks)[1], "right");
    const ipc::Shared<std::atomic<int>> ready;
    const auto take_both = [&](size_t first) {
      const ipc::Guard one((*locks).at(first));
      ++*ready;
      while (*ready < 2) ::sched_yield();
      const ipc::Guard other((*locks).at(1 - first));
    };
    ipc::Process left("Left-handed worker", [&] { take_both(0); });
    ipc::Process right("Worker", [&] { take_both(1); });
    left.join();
    return "";
  });
  EXPECT_EQ(said,
            "Main: FAIL not finished within 2 seconds\n"
            "  Main waits in poll for its child to end: Left-handed worker.\n"
            "  Left-handed worker waits for Lock 'right', held by Worker.\n"
            "  Worker waits for Lock 'left', held by Left-handed worker.\n"
            "  They wait for each other in a circle: Left-handed worker -> "
            "Worker -> Left-handed worker.\n");
}

TEST(LabExplains, APipeThatItsReaderKeepsOpen) {
  const std::string said = explanation_of([]() -> std::string {
    ipc::Pipe pipe = ipc::make_pipe();
    ipc::Process reader("Reader", [&] {
      char byte = 0;
      (void)ipc::retry([&] { return ::read(pipe.reader.get(), &byte, 1); });
    });
    pipe.writer.reset();
    reader.join();
    return "";
  });
  EXPECT_EQ(
      said,
      "Main: FAIL not finished within 2 seconds\n"
      "  Main waits in poll for its child to end: Reader.\n"
      "  Reader waits in read for the write end of pipe:[N], which Reader "
      "itself still holds open.\n"
      "  Reader waits for itself.\n");
}

TEST(LabExplains, AChildThatNeverEnds) {
  const std::string said = explanation_of([]() -> std::string {
    const pid_t child = ::fork();
    if (child == 0) {
      ipc::name_process("Worker");
      while (true) ::pause();
    }
    ::waitpid(child, nullptr, 0);
    return "";
  });
  EXPECT_EQ(said,
            "Main: FAIL not finished within 2 seconds\n"
            "  Main waits in wait4 for its child to end: Worker.\n"
            "  Worker waits in pause for a signal.\n");
}

TEST(LabExplains, AfterCtrlCIfAllHaveSleptForLong) {
  const ipc::Shared<std::atomic<bool>> asleep(false);
  const Lesson lesson = [&]() -> std::string {
    *asleep = true;
    while (true) ::pause();
  };
  // When Ctrl-C comes at once there is nothing to explain.
  LabRun soon({}, lesson);
  while (!*asleep) ::usleep(1000);
  soon.keeper().send_signal(SIGINT);
  Result result = soon.end();
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.status, 128 + SIGINT);

  LabRun late({}, lesson);
  // Longer than the time after which a quiet lab counts as hanging. The test is
  // about this time, so it must sleep.
  std::this_thread::sleep_for(
      std::chrono::duration<double>(4 * ipc::time_scale()));
  late.keeper().send_signal(SIGINT);
  result = late.end();
  EXPECT_EQ(result.status, 128 + SIGINT);
  EXPECT_TRUE(std::regex_match(
      result.out, std::regex(R"(Nothing had happened for \d+\.\d s:\n)"
                             R"(  Main waits in pause for a signal\.\n)")))
      << result.out;
}

std::string pass() { return ""; }

TEST(Lab, AThrownNumberFailsToo) {
  const Result result = LabRun({}, []() -> std::string { throw 42; }).end();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "Main: FAIL unknown exception\n");
}

// Runs a lab that inherits what `inherit` sets up.
Result heir(const Lesson& lesson, const std::function<void()>& inherit) {
  return LabRun({}, lesson, 60, inherit).end();
}

TEST(LabInherits, SigchldIgnored) {
  const Result result = heir(pass, [] { ::signal(SIGCHLD, SIG_IGN); });
  EXPECT_EQ(result.out, "Main: PASS\n");
  EXPECT_EQ(result.status, 0);
}

TEST(LabInherits, ClosedStandardStreams) {
  const Lesson lesson = [] {
    const int opened = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return opened > STDERR_FILENO ? "" : "opened as a standard stream";
  };
  const Result result = heir(lesson, [] {
    ::close(STDIN_FILENO);
    ::close(STDERR_FILENO);
  });
  EXPECT_EQ(result.out, "Main: PASS\n");
}

TEST(LabInherits, SighupIgnored) {
  const Lesson lesson = [] {
    ::kill(::getppid(), SIGHUP);
    ::raise(SIGHUP);
    return "";
  };
  const Result result = heir(lesson, [] { ::signal(SIGHUP, SIG_IGN); });
  EXPECT_EQ(result.out, "Main: PASS\n");
  EXPECT_EQ(result.status, 0);
}

// It may come from a timer that was set before exec(2).
TEST(Lab, SigalrmEndsTheLabAsOtherSignalsDo) {
  const Lesson lesson = []() -> std::string {
    ::kill(::getppid(), SIGALRM);
    while (true) ::pause();
  };
  EXPECT_EQ(LabRun({}, lesson).end().status, 128 + SIGALRM);
}

TEST(LabInherits, AUmaskThatTakesAllPermissionsAway) {
  const Lesson lesson = [] {
    const ipc::TempDir dir;
    std::ofstream(dir.file("file")) << "data";
    struct stat status {};
    ::stat(dir.file("file").c_str(), &status);
    return (status.st_mode & 0700U) == 0600U ? "" : "the owner may not read";
  };
  const Result result = heir(lesson, [] { ::umask(0777); });
  EXPECT_EQ(result.out, "Main: PASS\n");
}

// As in a container, with an old filter of system calls.
TEST(LabInherits, AFilterThatRefusesPidfdOpen) {
  const Result result = heir(pass, [] {
    std::array<sock_filter, 4> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{code.size(), code.data()};
    ipc::check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
    ipc::check(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "prctl");
  });
  EXPECT_EQ(result.out,
            "Main: SKIP pidfd_open is refused here: Function not implemented; "
            "./bazelw run //harness:doctor says what to do\n");
  EXPECT_EQ(result.status, 77);
}

// As of a shell that starts a background job and then becomes the lab.
TEST(LabInherits, ChildrenOfOthers) {
  const ipc::Shared<pid_t> stranger(0);
  const auto inherit = [&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();  // Until it is killed.
      ::_exit(0);
    }
    *stranger = pid;
  };
  const Result result = heir(pass, inherit);
  EXPECT_EQ(result.out, "Main: PASS\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(::kill(*stranger, SIGKILL), 0) << "it was killed, or waited for";

  // A signal still ends such a lab.
  const ipc::Shared<std::atomic<bool>> runs(false);
  LabRun lab(
      {},
      [&]() -> std::string {
        *runs = true;
        while (true) ::pause();
      },
      60, inherit);
  while (!*runs) ::usleep(1000);
  lab.keeper().send_signal(SIGTERM);
  EXPECT_EQ(lab.end().status, 128 + SIGTERM);
  EXPECT_EQ(::kill(*stranger, SIGKILL), 0) << "it was killed, or waited for";
}

TEST(LabFails, InOneLineIfItCannotBegin) {
  Result result = heir(pass, [] { ipc::forks_that_fail = 1; });
  EXPECT_EQ(result.out, "Main: FAIL fork: Resource temporarily unavailable\n");
  EXPECT_EQ(result.status, 1);
  const auto log = [] { ::setenv("IPC_LABS_EVENTS", "/no/such/x", 1); };
  result = heir(pass, log);
  EXPECT_EQ(result.out,
            "Main: FAIL open IPC_LABS_EVENTS=/no/such/x: No such file or "
            "directory\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(LabRun({"--help"}, pass, 60, log).end().status, 0);
}

TEST(LabFails, IfItsOutputCannotBeWritten) {
  const Result result = heir(pass, [] {
    ::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
  });
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "Main: some output could not be written\n");
}

}  // namespace
