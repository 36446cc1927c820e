#include "common/supervise/supervisor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/supervise/worker.h"
#include "common/testing/test_basics.h"
#include "common/testing/test_faults.h"

namespace {

using ipc::Deadline;
using ipc::Notice;
using ipc::Supervisor;
using ipc::Worker;
using ipc::WorkerSpec;
using ipc::WorkerState;
using ipc::testing::limit;
using ipc::testing::open_fd_count;
using ipc::testing::scaled;
using Kind = ipc::Notice::Kind;
using Policy = ipc::RestartPolicy;

// Restarts without delay.
ipc::RestartRule at_most(int count) {
  return {.count_max = count, .window_s = 600, .delay_s = 0};
}

[[noreturn]] void sleep_for_ever() {
  while (true) ::pause();
}

[[noreturn]] void spin_for_ever() {
  for (std::atomic<int> i = 0;; ++i) {
  }
}

// Idle, but well.
void serve(Worker& worker) {
  while (!worker.stop_requested()) {
    const auto command = worker.next_command_until(Deadline::never());
    if (command) worker.report("got " + *command);
  }
}

// Dies as if by a bug, without the report that a sanitizer would print.
[[noreturn]] void crash() {
  ::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
  ::_exit(99);
}

// Collects notices until `enough` is true for one, or no more come.
template <typename Enough>
std::vector<Notice> watch_until(Supervisor& supervisor, Enough enough) {
  std::vector<Notice> notices;
  const Deadline deadline = limit();
  while (auto notice = supervisor.next_until(deadline)) {
    notices.push_back(std::move(*notice));
    if (enough(notices.back())) return notices;
  }
  if (deadline.expired()) ADD_FAILURE() << "no further notice came";
  return notices;
}

std::vector<Notice> watch_until(Supervisor& supervisor, Kind kind) {
  return watch_until(supervisor,
                     [&](const Notice& notice) { return notice.kind == kind; });
}

std::vector<Notice> watch_to_the_end(Supervisor& supervisor) {
  return watch_until(supervisor, [](const Notice&) { return false; });
}

std::vector<Notice> of_kind(const std::vector<Notice>& notices, Kind kind) {
  std::vector<Notice> found;
  std::copy_if(notices.begin(), notices.end(), std::back_inserter(found),
               [&](const Notice& notice) { return notice.kind == kind; });
  return found;
}

std::vector<std::string> texts(const std::vector<Notice>& notices) {
  std::vector<std::string> found;
  found.reserve(notices.size());
  for (const Notice& notice : notices) found.push_back(notice.text);
  return found;
}

// Supervises one worker until it has ended for good. Returns all notices.
std::vector<Notice> supervise(WorkerSpec spec) {
  Supervisor supervisor;
  supervisor.add(std::move(spec));
  return watch_to_the_end(supervisor);
}

// Shows whether processes are still alive: each holds the write end of a pipe,
// which it inherited, and which the kernel closes when the process ends.
class Survivors {
 public:
  // To be called when all of the processes have been started.
  void count_from_now() { pipe_.writer.reset(); }

  [[nodiscard]] bool all_gone() const {
    pollfd poll_fd{pipe_.reader.get(), POLLIN, 0};
    return ::poll(&poll_fd, 1, limit().poll_ms()) == 1;
  }

 private:
  ipc::Pipe pipe_ = ipc::make_pipe();
};

// A gate that stays shut until it is opened for a number of processes.
class Gate {
 public:
  void pass() const {
    std::byte byte{};
    ASSERT_TRUE(ipc::read_exact(pipe_.reader, {&byte, 1}));
  }
  void open(size_t processes = 1) const {
    ipc::write_all(pipe_.writer, std::vector<std::byte>(processes));
  }

 private:
  ipc::Pipe pipe_ = ipc::make_pipe();
};

// Policies and ends.

TEST(Supervisor, GivesNoticeOfStartReportsAndCompletion) {
  const auto notices = supervise({.name = "worker",
                                  .work =
                                      [](Worker& worker) {
                                        worker.report("half");
                                        worker.report("done");
                                      },
                                  .policy = Policy::transient});
  EXPECT_EQ(texts(notices),
            (std::vector<std::string>{"started", "half", "done", "completed"}));
  EXPECT_EQ(notices.back().worker, "worker");
  EXPECT_EQ(notices.back().life, 1);
}

TEST(Supervisor, AWorkerThatHasCompletedIsNotRestartedUnlessPermanent) {
  for (const Policy policy : {Policy::transient, Policy::temporary}) {
    const auto notices = supervise({.name = "worker",
                                    .work = [](Worker&) {},
                                    .policy = policy,
                                    .restarts = at_most(2)});
    EXPECT_EQ(of_kind(notices, Kind::started).size(), 1U);
    EXPECT_EQ(notices.back().kind, Kind::completed);
  }
  const auto notices = supervise({.name = "worker",
                                  .work = [](Worker&) {},
                                  .policy = Policy::permanent,
                                  .restarts = at_most(2)});
  EXPECT_EQ(of_kind(notices, Kind::started).size(), 3U);
  EXPECT_EQ(notices.back().kind, Kind::gave_up);
}

TEST(Supervisor, AWorkerThatHasFailedIsRestartedUnlessTemporary) {
  for (const Policy policy : {Policy::permanent, Policy::transient}) {
    const auto notices = supervise({.name = "worker",
                                    .work = [](Worker&) { ::_exit(3); },
                                    .policy = policy,
                                    .restarts = at_most(2)});
    EXPECT_EQ(of_kind(notices, Kind::started).size(), 3U);
    EXPECT_EQ(notices.back().text, "gave up: at most 2 restarts within 600 s");
  }
  const auto notices = supervise({.name = "worker",
                                  .work = [](Worker&) { ::_exit(3); },
                                  .policy = Policy::temporary});
  EXPECT_EQ(texts(notices),
            (std::vector<std::string>{"started", "ended: exit status 3",
                                      "gave up: temporary, never restarted"}));
}

TEST(Supervisor, ExplainsEveryKindOfEnd) {
  const std::vector<std::pair<std::function<void(Worker&)>, std::string>> ends{
      {[](Worker&) { ::_exit(3); }, "exit status 3"},
      {[](Worker&) { crash(); }, "killed by SIGSEGV"},
      {[](Worker&) { throw std::runtime_error("division by zero"); },
       "failed: division by zero, exit status 1"},
      {[](Worker&) { throw 7; }, "failed: unknown exception, exit status 1"},
  };
  Supervisor supervisor;
  for (size_t i = 0; i < ends.size(); ++i) {
    supervisor.add({.name = std::to_string(i),
                    .work = ends[i].first,
                    .policy = Policy::temporary});
  }
  watch_to_the_end(supervisor);
  for (size_t i = 0; i < ends.size(); ++i) {
    const auto status = supervisor.status(std::to_string(i));
    EXPECT_EQ(status.last_exit, ends[i].second);
    EXPECT_EQ(status.state, WorkerState::failed)
        << "a failure must not look like success";
  }
}

TEST(Supervisor, TheLostStatusOfAChildThatAnotherReapedIsNotSuccess) {
  const Gate gate;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work = [&](Worker&) { gate.pass(); },
                  .policy = Policy::temporary});
  watch_until(supervisor, Kind::started);
  const pid_t pid = supervisor.status("worker").pid;
  gate.open();
  ASSERT_EQ(::waitpid(-1, nullptr, 0), pid);  // As some libraries do.
  const auto notices = watch_to_the_end(supervisor);
  EXPECT_EQ(supervisor.status("worker").last_exit,
            "status lost: reaped by other code");
  EXPECT_EQ(notices.back().kind, Kind::gave_up);
}

TEST(Supervisor, WhatAWorkerReportedIsReadEvenIfItDiesAtOnce) {
  const auto notices = supervise({.name = "worker",
                                  .work =
                                      [](Worker& worker) {
                                        worker.report("my last words");
                                        crash();
                                      },
                                  .policy = Policy::temporary});
  EXPECT_EQ(texts(notices),
            (std::vector<std::string>{"started", "my last words",
                                      "ended: killed by SIGSEGV",
                                      "gave up: temporary, never restarted"}));
}

// Restart limits.

TEST(Supervisor, AWorkerThatFailsAtOnceStartsOneTimeMoreThanTheLimit) {
  const ipc::Shared<std::atomic<int>> starts;
  const double base_s = scaled(0.02);
  const auto notices = supervise({.name = "worker",
                                  .work =
                                      [&](Worker&) {
                                        ++*starts;
                                        crash();
                                      },
                                  .restarts = {.count_max = 4,
                                               .window_s = 600,
                                               .delay_s = base_s,
                                               .delay_max_s = 4 * base_s}});
  EXPECT_EQ(*starts, 5) << "4 restarts are allowed, so 5 starts";
  EXPECT_EQ(notices.back().kind, Kind::gave_up);
  EXPECT_EQ(notices.back().life, 5);
  std::vector<double> delays_s;
  for (const Notice& notice : of_kind(notices, Kind::restarting)) {
    delays_s.push_back(notice.delay_s);
  }
  ASSERT_EQ(delays_s.size(), 4U);
  const std::vector<double> expected{1, 2, 4, 4};
  for (size_t i = 0; i < delays_s.size(); ++i) {
    EXPECT_NEAR(delays_s[i], expected[i] * base_s, 1e-6) << "restart " << i + 1;
  }
}

TEST(Supervisor, NoRestartComesBeforeItsDelayIsOver) {
  const ipc::Shared<std::atomic<int64_t>> began_ns;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [&](Worker& worker) {
                        *began_ns = ipc::now_ns();
                        worker.report("began");
                      },
                  .restarts = {.count_max = 3, .delay_s = 0.02}});
  int64_t not_before_ns = 0;
  while (const auto notice = supervisor.next_until(limit())) {
    if (notice->kind == Kind::reported) {
      EXPECT_GE(*began_ns, not_before_ns);
    }
    if (notice->kind != Kind::restarting) continue;
    EXPECT_EQ(supervisor.status("worker").state, WorkerState::backing_off);
    // The delay begins with the end of the life before, after its beginning.
    not_before_ns = *began_ns + ipc::to_ns(notice->delay_s);
  }
  EXPECT_EQ(supervisor.status("worker").state, WorkerState::failed);
}

TEST(SupervisorDeathTest, ALimitThatAHangingWorkerNeverReachesIsRefused) {
  EXPECT_DEATH(
      {
        Supervisor supervisor;
        supervisor.add({.name = "worker",
                        .work = serve,
                        .heartbeat_s = 10,
                        .restarts = {.count_max = 3, .window_s = 30}});
      },
      "limit_can_be_reached");
}

// Heartbeats.

// A worker falls silent after its first beats. Expects that the supervisor
// notices, not too early, and replaces the worker.
void expect_found_hanging(const std::function<void()>& fall_silent) {
  const double limit_s = scaled(0.4);
  const ipc::Shared<std::atomic<int64_t>> last_beat_ns;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [&](Worker& worker) {
                        if (worker.life() == 2) return serve(worker);
                        worker.beat();
                        *last_beat_ns = ipc::now_ns();
                        fall_silent();
                      },
                  .heartbeat_s = limit_s,
                  .restarts = at_most(3)});
  std::optional<Notice> notice;
  do {
    notice = supervisor.next_until(Deadline::after(10 * limit_s));
  } while (notice && notice->kind != Kind::hung);
  if (!notice) {
    FAIL() << "The worker has made no progress for more than " << 10 * limit_s
           << " s, and the supervisor still calls it "
           << describe(supervisor.status("worker").state)
           << ". Does it check the heartbeat?";
  }
  const double silence_s = ipc::to_s(ipc::now_ns() - *last_beat_ns);
  EXPECT_GE(silence_s, 0.99 * limit_s) << "that was too early";
  testing::Test::RecordProperty("silence_s", std::to_string(silence_s));

  watch_until(supervisor, Kind::started);  // The second life.
  const auto status = supervisor.status("worker");
  EXPECT_EQ(status.life, 2) << "it must be replaced";
  EXPECT_EQ(status.last_exit, fmt::format("hung: no heartbeat for {:g} s, "
                                          "killed by SIGKILL",
                                          limit_s));
}

TEST(Supervisor, AWorkerThatSpinsForeverIsFoundKilledAndReplaced) {
  expect_found_hanging([] { spin_for_ever(); });
}

TEST(Supervisor, AWorkerThatSleepsForeverIsFoundKilledAndReplaced) {
  expect_found_hanging([] { sleep_for_ever(); });
}

TEST(Supervisor, AStoppedWorkerIsFoundKilledAndReplaced) {
  expect_found_hanging([] { ::raise(SIGSTOP); });
}

TEST(Supervisor, HangingCountsAsAnAbnormalEnd) {
  const auto notices = supervise({.name = "worker",
                                  .work = [](Worker&) { sleep_for_ever(); },
                                  .policy = Policy::transient,
                                  .heartbeat_s = scaled(0.1),
                                  .restarts = at_most(1)});
  EXPECT_EQ(of_kind(notices, Kind::started).size(), 2U);
  EXPECT_EQ(of_kind(notices, Kind::hung).size(), 2U);
  EXPECT_EQ(notices.back().kind, Kind::gave_up);
}

TEST(Supervisor, WithoutAHeartbeatAWorkerMayBeSilent) {
  Supervisor supervisor;
  supervisor.add({.name = "worker", .work = [](Worker&) { sleep_for_ever(); }});
  watch_until(supervisor, Kind::started);
  EXPECT_FALSE(supervisor.next_until(Deadline::after(0.3)).has_value());
}

TEST(Supervisor, AWorkerThatWaitsForCommandsDoesNotHang) {
  const double limit_s = scaled(0.5);
  Supervisor supervisor;
  supervisor.add({.name = "worker", .work = serve, .heartbeat_s = limit_s});
  watch_until(supervisor, Kind::started);
  const auto notice = supervisor.next_until(Deadline::after(1.5 * limit_s));
  EXPECT_FALSE(notice.has_value()) << notice->text;
  EXPECT_TRUE(supervisor.command("worker", "hello"));
  EXPECT_EQ(watch_until(supervisor, Kind::reported).back().text, "got hello");
}

TEST(Supervisor, ABusyMachineCausesNoFalseAlarm) {
  // Processes that only compute, four for each of two processors.
  std::vector<ipc::Process> busy;
  busy.reserve(8);
  for (int i = 0; i < 8; ++i) busy.emplace_back("busy", spin_for_ever);
  const double limit_s = scaled(1);
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [](Worker& worker) {
                        while (!worker.stop_requested()) worker.beat();
                      },
                  .heartbeat_s = limit_s});
  watch_until(supervisor, Kind::started);
  const auto notice = supervisor.next_until(Deadline::after(1.3 * limit_s));
  EXPECT_FALSE(notice.has_value()) << notice->text;
}

TEST(Supervisor, ASupervisorThatStoodStillItselfBlamesNoWorker) {
  // As if the whole machine slept: neither of them could do anything, and the
  // supervisor is the first to wake up.
  const double limit_s = scaled(0.4);
  Supervisor supervisor;
  supervisor.add({.name = "worker", .work = serve, .heartbeat_s = limit_s});
  watch_until(supervisor, Kind::started);
  const pid_t pid = supervisor.status("worker").pid;
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  ::usleep(static_cast<useconds_t>(2 * limit_s * 1e6));
  const auto notice = supervisor.next_until(Deadline::at_ns(0));
  EXPECT_FALSE(notice.has_value()) << notice->text;
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  EXPECT_TRUE(supervisor.command("worker", "hello"));
  EXPECT_EQ(watch_until(supervisor, Kind::reported).back().text, "got hello");
}

// One life and the next.

TEST(Supervisor, WhatAProcessOfAnOldLifeStillSendsIsIgnored) {
  const Gate escaped;
  const Gate second_life;
  const ipc::Shared<std::atomic<int>> error;
  Survivors survivors;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [&](Worker& worker) {
                        if (worker.life() == 2) sleep_for_ever();
                        if (::fork() != 0) {
                          escaped.pass();
                          crash();
                        }
                        ::setsid();  // Out of the group that is killed.
                        escaped.open();
                        second_life.pass();
                        try {
                          for (int i = 0; i < 1'000; ++i) worker.beat();
                          worker.report("from the old life");
                        } catch (const std::system_error& caught) {
                          *error = caught.code().value();
                        }
                        ::_exit(0);
                      },
                  .heartbeat_s = scaled(0.5),
                  .restarts = at_most(1)});
  watch_until(supervisor, [](const Notice& notice) {
    return notice.kind == Kind::started && notice.life == 2;
  });
  second_life.open();
  const auto notices = watch_to_the_end(supervisor);
  EXPECT_EQ(texts(of_kind(notices, Kind::reported)),
            std::vector<std::string>{});
  EXPECT_EQ(of_kind(notices, Kind::hung).size(), 1U)
      << "beats of the old life were taken for those of the new one";
  survivors.count_from_now();
  EXPECT_TRUE(survivors.all_gone());
  EXPECT_EQ(*error, EPIPE);
}

TEST(Supervisor, ACommandThatALifeDidNotReadDiesWithIt) {
  const Gate commands_sent;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [&](Worker& worker) {
                        if (worker.life() == 2) return serve(worker);
                        commands_sent.pass();
                        crash();
                      },
                  .restarts = {.count_max = 1, .delay_s = 0.01}});
  EXPECT_FALSE(supervisor.command("worker", "too early"));
  watch_until(supervisor, Kind::started);
  EXPECT_TRUE(supervisor.command("worker", "shutdown"));
  commands_sent.open();
  watch_until(supervisor, Kind::restarting);
  EXPECT_FALSE(supervisor.command("worker", "between two lives"));
  watch_until(supervisor, Kind::started);
  EXPECT_TRUE(supervisor.command("worker", "ping"));
  EXPECT_EQ(watch_until(supervisor, Kind::reported).back().text, "got ping");
}

TEST(Supervisor, AWorkerInheritsNoDescriptorOfOtherWorkers) {
  Supervisor supervisor;
  for (int i = 0; i < 5; ++i) {
    supervisor.add({.name = std::to_string(i), .work = [](Worker& worker) {
                      worker.report(std::to_string(open_fd_count()));
                      serve(worker);
                    }});
  }
  std::set<std::string> counts;
  int reports = 0;
  watch_until(supervisor, [&](const Notice& notice) {
    if (notice.kind != Kind::reported) return false;
    counts.insert(notice.text);
    return ++reports == 5;
  });
  EXPECT_EQ(counts.size(), 1U) << "the later ones have more descriptors";
}

// Commands and reports.

TEST(Supervisor, AcceptedCommandsArriveInOrderAndRefusedOnesDoNot) {
  const Gate full;
  Supervisor supervisor;
  supervisor.add({.name = "worker", .work = [&](Worker& worker) {
                    full.pass();
                    std::string all;
                    while (const auto command =
                               worker.next_command_until(Deadline::never())) {
                      all += command->front();
                    }
                    worker.report(all);
                  }});
  watch_until(supervisor, Kind::started);
  std::string accepted;
  int refused = 0;
  while (refused < 3) {
    const char mark = static_cast<char>('a' + accepted.size() % 26);
    if (supervisor.command("worker", std::string(1'000, mark))) {
      accepted += mark;
    } else {
      ++refused;
    }
    ASSERT_LT(accepted.size(), 100'000U) << "the channel is never full";
  }
  full.open();
  // The last command that was accepted may be sent only in part.
  while (!supervisor.command("worker", "!")) {
    supervisor.next_until(Deadline::after(0.01));
  }
  supervisor.stop("worker");
  EXPECT_EQ(watch_until(supervisor, Kind::reported).back().text,
            accepted + "!");
}

TEST(Supervisor, AWorkerThatReportsAllTheTimeDoesNotHideTheOthers) {
  Supervisor supervisor;
  supervisor.add({.name = "loud", .work = [](Worker& worker) {
                    while (!worker.stop_requested()) worker.report("again");
                  }});
  watch_until(supervisor, Kind::started);
  supervisor.add({.name = "quiet",
                  .work = [](Worker&) { sleep_for_ever(); },
                  .policy = Policy::temporary,
                  .heartbeat_s = scaled(0.1)});
  EXPECT_EQ(watch_until(supervisor, Kind::gave_up).back().worker, "quiet");
}

TEST(Supervisor, AWorkerThatSendsGarbageIsKilled) {
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [](Worker&) {
                        for (int fd = 3; fd < 100; ++fd) {
                          struct stat file {};
                          if (::fstat(fd, &file) == -1) continue;
                          if (!S_ISSOCK(file.st_mode)) continue;
                          (void)!::write(fd, "\xff\xff\xff\xf0 garbage", 12);
                        }
                        sleep_for_ever();
                      },
                  .policy = Policy::temporary});
  const auto notices = watch_to_the_end(supervisor);
  EXPECT_EQ(notices.back().kind, Kind::gave_up);
  EXPECT_NE(supervisor.status("worker").last_exit.find("too long"),
            std::string::npos)
      << supervisor.status("worker").last_exit;
}

TEST(Supervisor, ShowsTheStateOfAWorker) {
  Supervisor supervisor;
  supervisor.add({.name = "worker", .work = serve});
  EXPECT_EQ(supervisor.status("worker").state, WorkerState::starting);
  watch_until(supervisor, Kind::started);
  auto status = supervisor.status("worker");
  EXPECT_EQ(describe(status.state), "running");
  EXPECT_GT(status.pid, 0);
  EXPECT_GT(status.uptime_s, 0);
  EXPECT_GT(status.heartbeat_age_s, 0);
  EXPECT_LE(status.heartbeat_age_s, status.uptime_s);
  supervisor.stop("worker");
  EXPECT_EQ(supervisor.status("worker").state, WorkerState::stopping);
  EXPECT_EQ(watch_to_the_end(supervisor).back().text, "stopped");
  status = supervisor.status("worker");
  EXPECT_EQ(status.state, WorkerState::stopped);
  EXPECT_EQ(status.last_exit, "exit status 0");
  EXPECT_EQ(status.pid, 0);
}

// Stopping.

TEST(Supervisor, AllWorkersAreStoppedAtTheSameTime) {
  constexpr int kWorkers = 5;
  const ipc::Shared<std::atomic<int>> stopping;
  Supervisor supervisor;
  for (int i = 0; i < kWorkers; ++i) {
    supervisor.add({.name = std::to_string(i),
                    .work =
                        [&](Worker& worker) {
                          serve(worker);
                          // Ends when all are about to end.
                          ++*stopping;
                          while (*stopping < kWorkers) ::usleep(1'000);
                        },
                    .stop_timeout_s = scaled(10)});
  }
  int started = 0;
  watch_until(supervisor, [&](const Notice& notice) {
    return notice.kind == Kind::started && ++started == kWorkers;
  });
  supervisor.stop_all();
  EXPECT_EQ(texts(watch_to_the_end(supervisor)),
            std::vector<std::string>(kWorkers, "stopped"));
}

TEST(Supervisor, AWorkerThatIgnoresTheStopIsKilledWithAllOfItsGroup) {
  const double timeout_s = scaled(0.2);
  Survivors survivors;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [](Worker& worker) {
                        ::signal(SIGTERM, SIG_IGN);
                        if (::fork() == 0) sleep_for_ever();
                        worker.report("ready");
                        sleep_for_ever();
                      },
                  .stop_timeout_s = timeout_s});
  watch_until(supervisor, Kind::reported);
  survivors.count_from_now();
  const int64_t asked_ns = ipc::now_ns();
  supervisor.stop("worker");
  const auto notices = watch_to_the_end(supervisor);
  const double took_s = ipc::to_s(ipc::now_ns() - asked_ns);
  EXPECT_GE(took_s, timeout_s);
  testing::Test::RecordProperty("took_s", std::to_string(took_s));
  EXPECT_EQ(
      notices.back().text,
      fmt::format("stopped: did not stop within {:g} s, killed by SIGKILL",
                  timeout_s));
  EXPECT_TRUE(survivors.all_gone()) << "the grandchild lives";
}

TEST(Supervisor, WhatAWorkerLeavesInItsGroupDoesNotOutliveIt) {
  Survivors survivors;
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [](Worker& worker) {
                        if (::fork() == 0) sleep_for_ever();
                        serve(worker);
                      },
                  .policy = Policy::temporary});
  watch_until(supervisor, Kind::started);
  supervisor.stop("worker");
  watch_to_the_end(supervisor);
  survivors.count_from_now();
  EXPECT_TRUE(survivors.all_gone());
}

TEST(Supervisor, AWorkerThatIsStoppedWhileBackingOffNeverStartsAgain) {
  Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work = [](Worker&) { crash(); },
                  .restarts = {.delay_s = 15, .delay_max_s = 15}});
  watch_until(supervisor, Kind::restarting);
  supervisor.stop("worker");
  EXPECT_EQ(supervisor.status("worker").state, WorkerState::stopped);
  EXPECT_TRUE(supervisor.done());
  EXPECT_EQ(texts(watch_to_the_end(supervisor)),
            std::vector<std::string>{"stopped"});
}

TEST(Supervisor, AStoppedWorkerCanBeRestartedAndDoesNotSeeTheOldStop) {
  Supervisor supervisor;
  supervisor.add({.name = "worker", .work = serve});
  watch_until(supervisor, Kind::started);
  EXPECT_TRUE(supervisor.command("worker", "never mind"));
  supervisor.stop("worker");
  watch_to_the_end(supervisor);
  supervisor.restart("worker");
  watch_until(supervisor, Kind::started);
  EXPECT_TRUE(supervisor.command("worker", "ping"));
  EXPECT_EQ(watch_until(supervisor, Kind::reported).back().text, "got ping");
}

// Many, and trouble.

TEST(Supervisor, TwoHundredWorkersThatEndAtTheSameTimeAreAllReaped) {
  constexpr int kWorkers = 200;
  const Gate gate;
  Supervisor supervisor;
  const int before = open_fd_count();
  for (int i = 0; i < kWorkers; ++i) {
    supervisor.add({.name = std::to_string(i),
                    .work = [&](Worker&) { gate.pass(); },
                    .policy = Policy::temporary});
  }
  int started = 0;
  watch_until(supervisor, [&](const Notice& notice) {
    return notice.kind == Kind::started && ++started == kWorkers;
  });
  gate.open(kWorkers);
  const auto notices = watch_to_the_end(supervisor);
  EXPECT_EQ(of_kind(notices, Kind::completed).size(), 200U);
  EXPECT_EQ(open_fd_count(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(Supervisor, ItsWorkersAndTheirChildrenDieWithIt) {
  const Gate ready;
  Survivors survivors;
  ipc::Process supervising("Supervisor", [&] {
    Supervisor supervisor;
    for (int i = 0; i < 3; ++i) {
      supervisor.add({.name = std::to_string(i), .work = [](Worker& worker) {
                        const ipc::Process child("Child", spin_for_ever);
                        worker.report("ready");
                        spin_for_ever();
                      }});
    }
    while (const auto notice = supervisor.next()) {
      if (notice->kind == Kind::reported) ready.open();
    }
  });
  for (int i = 0; i < 3; ++i) ready.pass();
  supervising.kill();
  supervising.join();
  survivors.count_from_now();
  EXPECT_TRUE(survivors.all_gone());
}

TEST(Supervisor, TheDestructorLeavesNothing) {
  Survivors survivors;
  {
    Supervisor supervisor;
    supervisor.add({.name = "worker", .work = [](Worker& worker) {
                      if (::fork() == 0) sleep_for_ever();
                      worker.report("ready");
                      sleep_for_ever();
                    }});
    watch_until(supervisor, Kind::reported);
  }
  survivors.count_from_now();
  EXPECT_TRUE(survivors.all_gone());
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(Supervisor, AForkThatFailsIsShownAndTriedAgain) {
  Supervisor supervisor;
  const int before = open_fd_count();
  supervisor.add(
      {.name = "worker", .work = serve, .restarts = {.delay_s = 0.01}});
  ipc::forks_that_fail = 4;
  for (int i = 0; i < 4; ++i) {
    const auto notice = supervisor.next_until(limit());
    ASSERT_TRUE(notice.has_value());
    EXPECT_EQ(notice->text,
              "cannot start: fork: Resource temporarily unavailable");
    EXPECT_NEAR(notice->delay_s, 0.01 * (1 << i), 1e-6);
    EXPECT_EQ(supervisor.status("worker").state, WorkerState::backing_off);
    EXPECT_EQ(open_fd_count(), before);
  }
  watch_until(supervisor, Kind::started);
  EXPECT_EQ(supervisor.status("worker").restarts, 0);
}

TEST(Supervisor, ALackOfDescriptorsIsShownAndStartingTriedAgain) {
  // Two for the channel, one for the pidfd: each in turn is the missing one.
  for (unsigned missing = 1; missing <= 3; ++missing) {
    Supervisor supervisor;
    const int before = open_fd_count();
    rlimit old{};
    ipc::check(::getrlimit(RLIMIT_NOFILE, &old), "getrlimit");
    const int next = ::dup(0);  // The lowest that is free.
    ::close(next);
    const rlimit low{static_cast<rlim_t>(next) + 3 - missing, old.rlim_max};

    supervisor.add(
        {.name = "worker", .work = serve, .restarts = {.delay_s = 0.01}});
    ipc::check(::setrlimit(RLIMIT_NOFILE, &low), "setrlimit");
    const auto notice = supervisor.next_until(limit());
    ipc::check(::setrlimit(RLIMIT_NOFILE, &old), "setrlimit");
    ASSERT_TRUE(notice.has_value());
    EXPECT_EQ(notice->kind, Kind::start_failed);
    EXPECT_NE(notice->text.find("Too many open files"), std::string::npos)
        << notice->text;
    EXPECT_EQ(open_fd_count(), before);
    watch_until(supervisor, Kind::started);
    EXPECT_TRUE(supervisor.command("worker", "ping"));
    EXPECT_EQ(watch_until(supervisor, Kind::reported).back().text, "got ping");
  }
}

}  // namespace
