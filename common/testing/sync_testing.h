// What the tests of the synchronization objects share.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/futex.h"
#include "common/testing/test_basics.h"

namespace ipc::testing {

// Returns what /proc says that a process does: its state letter and the kernel
// function that it waits in.
inline std::string activity(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::string stat;
  std::string function;
  std::getline(std::ifstream(folder + "/stat"), stat);
  std::getline(std::ifstream(folder + "/wchan"), function);
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return "";
  return stat.substr(name_end + 2, 1) + " " + function;
}

// Returns when the process sleeps in a futex. The kernel has no event for that,
// so this asks again and again.
inline void await_asleep(pid_t pid) {
  const Deadline deadline = limit();
  std::string now;
  while ((now = activity(pid)).rfind("S futex", 0) != 0) {
    const bool ended = now.empty() || now.front() == 'Z';
    if (ended || deadline.expired()) {
      FAIL() << pid << " does not sleep but: " << now;
    }
    ::usleep(200);
  }
}
inline void await_asleep(const Process& process) {
  await_asleep(process.pid());
}

// Runs `action` in process 1 of a new pid namespace with its own /proc, as in a
// container, and returns its status; nothing if no namespace is possible here.
inline std::optional<int> status_in_container(
    const std::function<void()>& action) {
  constexpr int kImpossible = 77;
  Process outer("Outer", [&] {
    constexpr int kSpaces = CLONE_NEWPID | CLONE_NEWNS;
    if (::unshare(kSpaces) == -1 && ::unshare(CLONE_NEWUSER | kSpaces) == -1) {
      ::_exit(kImpossible);
    }
    Process first("Container", [&] {
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
      if (::mount("proc", "/proc", "proc", 0, nullptr) == -1) {
        ::_exit(kImpossible);
      }
      action();
    });
    ::_exit(status_of(first));
  });
  const int status = status_of(outer);
  if (status == kImpossible) return std::nullopt;
  return status;
}

// Whether `action` is refused because it runs in another pid namespace.
inline bool is_refused(const std::function<void()>& action) {
  return error_of(action) == ENOTSUP;
}

// Expects that all `actions`, on objects that this process has used, are
// refused in a container.
inline void expect_refused(const std::vector<std::function<void()>>& actions) {
  const std::optional<int> status = status_in_container([&] {
    for (size_t i = 0; i < actions.size(); ++i) {
      if (!is_refused(actions[i])) ::_exit(static_cast<int>(i) + 1);
    }
  });
  if (!status) GTEST_SKIP() << "no namespaces";
  EXPECT_EQ(*status, 0) << "the action of this number was not refused";
}

// Stops its process, with SIGSTOP, when it first reaches a certain inner point
// of the library: in the middle of a call.
class StopAt final : public Gate {
 public:
  explicit StopAt(std::string_view place) : place_(place) {
    process_gate = this;
  }
  StopAt(const StopAt&) = delete;
  StopAt& operator=(const StopAt&) = delete;
  StopAt(StopAt&&) = delete;
  StopAt& operator=(StopAt&&) = delete;
  ~StopAt() { process_gate = nullptr; }

  void stop_at(std::string_view place, bool /*inner*/) override {
    if (place != place_ || !is_of_this_process()) return;
    place_ = "";
    ::raise(SIGSTOP);
  }

 private:
  std::string_view place_;
};

// Returns a child that runs `action` and is stopped at `place`, in the middle.
inline Process stopped_at(std::string_view place,
                          const std::function<void()>& action) {
  Process process("Stopped", [&] {
    const StopAt gate(place);
    action();
  });
  siginfo_t info{};
  retry([&] {
    return ::waitid(P_PID, static_cast<id_t>(process.pid()), &info,
                    WSTOPPED | WEXITED | WNOWAIT);
  });
  EXPECT_EQ(info.si_code, CLD_STOPPED) << "it never came to " << place;
  return process;
}

// Expects that a call keeps its deadline although another process is stopped
// inside the object: `call` ends within `limit_s` (scaled).
inline void expect_in_time(const std::function<void()>& call,
                           double limit_s = 1) {
  const int64_t begin_ns = now_ns();
  Process caller("Caller", call);
  EXPECT_EQ(status_of(caller), 0);
  EXPECT_LT(to_s(now_ns() - begin_ns), scaled(limit_s));
}

// Expects that a waiter continues because of the wake-up, and not because it
// looks again after kRecheckSeconds: that would hide a missing wake-up. `wait`
// runs in a child, after `prepare`; `wake` runs here, when the child sleeps.
inline void expect_prompt(const std::function<void()>& prepare,
                          const std::function<void()>& wait,
                          const std::function<void()>& wake) {
  constexpr int kTrials = 21;
  std::vector<int64_t> delays_ns;
  for (int i = 0; i < kTrials; ++i) {
    prepare();
    Process waiter("Waiter", wait);
    await_asleep(waiter);
    if (::testing::Test::HasFatalFailure()) return;
    const int64_t begin_ns = now_ns();
    wake();
    EXPECT_EQ(status_of(waiter), 0);
    delays_ns.push_back(now_ns() - begin_ns);
  }
  // The median, because some sleepers are just looking again, and a busy
  // machine delays others.
  std::sort(delays_ns.begin(), delays_ns.end());
  EXPECT_LT(static_cast<double>(delays_ns[kTrials / 2]),
            kRecheckSeconds / 2 * 1e9 * time_scale());
}

// Runs one test of this program again with the event log on, and returns the
// log's lines as "kind object", without the object's address, or "kind object
// id". The test has to begin with `if (logs_events()) { ...; ::_exit(0); }`.
enum class Ids { hidden, shown };
inline bool logs_events() {
  open_event_log();
  return ipc::logs_events();
}
inline std::vector<std::string> events_of(const std::string& test,
                                          Ids ids = Ids::hidden) {
  const TempDir dir("events");
  const std::string path = dir.file("log");
  Process child("Child", [&] {
    ::setenv("IPC_LABS_EVENTS", path.c_str(), 1);
    ::execl("/proc/self/exe", "test", ("--gtest_filter=" + test).c_str(),
            nullptr);
    ::_exit(127);
  });
  EXPECT_EQ(status_of(child), 0);
  std::vector<std::string> events;
  std::ifstream log(path);
  for (std::string line; std::getline(log, line);) {
    const auto field = [&line](const std::string& name) {
      const std::string key = "\"" + name + "\":\"";
      const size_t begin = line.find(key) + key.size();
      return line.substr(begin, line.find_first_of("\"@", begin) - begin);
    };
    events.push_back(field("kind") + " " + field("object"));
    if (ids == Ids::shown) events.back() += " " + field("id");
  }
  return events;
}

}  // namespace ipc::testing
