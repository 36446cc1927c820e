#include "common/report/report.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "common/process/names.h"
#include "common/process/process.h"

namespace {

std::string read_file(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Runs `target` with standard output in a file, and returns what it wrote.
template <typename Target>
std::string output_of(Target target) {
  const ipc::TempDir dir("report");
  const std::string path = dir.file("out");
  ipc::Process child("Worker 1", [&] {
    if (::freopen(path.c_str(), "w", stdout) == nullptr) ::_exit(9);
    target();
  });
  EXPECT_EQ(child.join(), 0);
  return read_file(path);
}

TEST(Report, ALineIsTheSpeakerAndTheText) {
  EXPECT_EQ(output_of([] { ipc::say("Got {} of {}", 3, "five"); }),
            "Worker 1: Got 3 of five\n");
}

TEST(Report, ALineIsCutAtTheSizeThatOneWriteKeepsTogether) {
  const std::string out =
      output_of([] { ipc::say_text(std::string(10'000, 'x')); });
  EXPECT_EQ(out.size(), 4096U);
  EXPECT_EQ(out.back(), '\n');
}

TEST(Report, LinesOfSeveralProcessesNeverMix) {
  std::istringstream out(output_of([] {
    std::vector<ipc::Process> children;
    for (int i = 0; i < 4; ++i) {
      children.emplace_back("Child", [i] {
        for (int line = 0; line < 200; ++line) {
          ipc::say_text(std::string(200, static_cast<char>('a' + i)));
        }
      });
    }
    for (auto& child : children) child.join();
  }));
  int count = 0;
  for (std::string line; std::getline(out, line); ++count) {
    ASSERT_EQ(line, "Child: " + std::string(200, line.at(7)));
  }
  EXPECT_EQ(count, 800);
}

// An open log is never closed, so this test needs a new program: it starts
// itself again, with the log switched on.
TEST(Report, EventsAreLinesOfJson) {
  if (::getenv("IPC_LABS_EVENTS") != nullptr) {
    ipc::open_event_log();
    ipc::name_process("a \"name\"");
    auto* const lock = reinterpret_cast<void*>(0x7f10);
    ipc::object_event(ipc::EventKind::acquire, "Lock", lock);
    ipc::event(ipc::EventKind::send, "pipe\n1", "7");
    ipc::describe_object("Lock", lock, "left fork");
    ::_exit(0);
  }
  const ipc::TempDir dir("events");
  ::setenv("IPC_LABS_EVENTS", dir.file("log").c_str(), 1);
  ipc::Process child("child", [] {
    ::execl("/proc/self/exe", "report_test", "--gtest_filter=*LinesOfJson",
            nullptr);
  });
  EXPECT_EQ(child.join(), 0);
  ::unsetenv("IPC_LABS_EVENTS");

  const std::string log = read_file(dir.file("log"));
  const std::string process = R"("process":"a \"name\"","kind":)";
  EXPECT_NE(log.find(process + R"("acquire","object":"Lock@7f10","id":""})"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find(R"("kind":"send","object":"pipe\u000a1","id":"7"})"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find(R"("kind":"name","object":"Lock@7f10","id":"left fork"})"),
            std::string::npos)
      << log;
}

TEST(Report, WithoutALogAnEventWritesNothing) {
  EXPECT_FALSE(ipc::logs_events());
  ipc::event(ipc::EventKind::acquire, "Lock");
}

// A child says `count` lines into `pipe`, and closes it.
ipc::Process speaker_into(std::array<int, 2>& pipe, int count) {
  ipc::Process child("Worker 1", [&pipe, count] {
    ::dup2(pipe[1], STDOUT_FILENO);
    for (int i = 0; i < count; ++i) ipc::say("{}", std::string(60, 'x'));
  });
  ::close(pipe[1]);
  return child;
}

TEST(Report, ASlowReaderOfANonBlockingOutputMissesNothing) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ::fcntl(pipe[1], F_SETFL, O_NONBLOCK);
  const int size = ::fcntl(pipe[1], F_SETPIPE_SZ, 4096);
  ASSERT_GT(size, 0);
  constexpr int kLines = 2000;
  ipc::Process child = speaker_into(pipe, kLines);
  // Reads only when there is no room for another line.
  for (int there = 0; there < size - 100 && child.is_alive();) {
    ::ioctl(pipe[0], FIONREAD, &there);
  }
  int lines = 0;
  for (char c = 0; ::read(pipe[0], &c, 1) == 1;) lines += c == '\n' ? 1 : 0;
  EXPECT_EQ(lines, kLines);
  EXPECT_EQ(child.join(), 0);
  ::close(pipe[0]);
}

TEST(Report, AReaderThatHasGoneIsNotAFailureButAFullDiskIs) {
  const auto status_with_output = [](int fd) {
    ipc::Process child("Worker 1", [fd] {
      ::signal(SIGPIPE, SIG_IGN);
      ::dup2(fd, STDOUT_FILENO);
      ipc::say("{}", 1);
    });
    return child.join();
  };
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ::close(pipe[0]);
  EXPECT_EQ(status_with_output(pipe[1]), 0);
  ::close(pipe[1]);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_NE(full, -1);
  EXPECT_EQ(status_with_output(full), 1);
  ::close(full);
}

TEST(Report, ALogThatCannotBeOpenedIsAnErrorAndIsNotUsed) {
  ::setenv("IPC_LABS_EVENTS", "/no/such/folder/log", 1);
  EXPECT_THROW(ipc::open_event_log(), std::system_error);
  ::unsetenv("IPC_LABS_EVENTS");
  EXPECT_FALSE(ipc::logs_events());
  EXPECT_EQ(ipc::event_hook, nullptr);
}

}  // namespace
