// debugging: what several processes do, seen from outside.
//
//   act 1   Main --job--> Worker, which is killed at its third job
//   act 2   Main --question--> a patient; and /proc, before and after
//
// Watch for: the last line of the worker that died, and what the numbers say
// about patients that are ill. Two of them do not answer; Main does not wait
// forever. Try: --questions=50; look at a patient with ps and ls /proc/PID/fd.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/debugging/examine.h"
#include "labs/debugging/patients.h"

namespace {

constexpr int kFatalJob = 3;
constexpr double kPauseS = 0.5;
int question_count = 10;
int64_t start_ns = 0;

// A line of a log that can be put in order with those of other processes: the
// speaker's name is before it, and CLOCK_MONOTONIC is the same for all.
template <typename... Args>
void log(fmt::format_string<Args...> format, Args&&... args) {
  const double now_s = static_cast<double>(ipc::now_ns() - start_ns) / 1e9;
  ipc::say("{:.6f} s, pid {}: {}", now_s, ::getpid(),  // [stamp]
           fmt::format(format, std::forward<Args>(args)...));
}

void work(ipc::Connection& jobs) {
  while (const auto job = jobs.receive()) {
    log("began job {}", *job);  // [before]
    if (std::stoi(*job) == kFatalJob) ::raise(SIGKILL);
    log("ended job {}", *job);
    ipc::ensure(jobs.send(*job));
  }
}

// Act 1: the exit status says how the worker died, and the log says where.
std::string ask_the_dead() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process worker("Worker", [&] {
    ends.first.close();
    work(ends.second);
  });
  ends.second.close();
  for (int job = 1; job <= kFatalJob; ++job) {
    log("sent job {}", job);
    ipc::ensure(ends.first.send(std::to_string(job)));
    if (ends.first.receive()) log("got the result of job {}", job);
    ipc::pause_s(kPauseS);
  }
  const int status = worker.join();
  log("Worker: {}", ipc::describe_status(status));
  return status == -SIGKILL ? "" : "the worker was not killed";
}

std::string lesson() {
  start_ns = ipc::now_ns();
  ipc::say("Act 1: the last words of a process");
  std::string problem = ask_the_dead();
  if (!problem.empty()) return problem;

  ipc::say("Act 2: {} questions each", question_count);
  const bool found =
      examine("Healthy", be_healthy, question_count) == "is well" &&
      examine("Leaker", be_leaker, question_count) == "leaks descriptors" &&
      examine("Hog", be_hog, question_count) == "leaks memory" &&
      examine("Spinner", be_spinner, question_count) == kBusy &&
      examine("Waiter", be_waiter, question_count) == "sleeps in read";
  return found ? "" : "a wrong finding";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("debugging", "What processes do, seen from outside.");
  lab.option("--questions", question_count, 1, 50, "for each patient");
  return lab.run(argc, argv, lesson);
}
