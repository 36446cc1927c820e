// Compares ipc::Supervisor with a loop by hand, and with other supervisors: a
// small child is killed, and its successor gives a sign of life at its first
// line.
//
// The time is the median of the times from kill(2) to the sign of life. It does
// not include the rest of a turn, in which the killer first waits until all are
// asleep. Ours restarts at once, as others do after a long life: its rule has
// no delay, and a limit that is not reached. s6 waits a second before each
// start. So does runit after a life of less than a second; here the lives are
// longer.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/bench.h"
#include "benchmarks/tiny.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/measure.h"
#include "common/supervise/supervisor.h"
#include "common/sync/futex.h"

namespace ipc::bench {
namespace {

// How often the supervising process checks whether the time is over.
constexpr double kLookS = 0.02;

struct Outcome {
  std::atomic<bool> ready{false};     // All workers have been started.
  std::atomic<bool> prepared{false};  // The killer knows that.
  std::atomic<bool> over{false};      // The killer has ended its work.
  double median_ns = 0;
  double rss_kib = 0;
  double switches = 0;  // Of the idle workers, per kill.
};

double rss_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  return 0;
}

struct Load {
  double pause_s = 0.0003;  // From a sign of life to the kill.
  double measured_s = 0.08;
  std::function<std::vector<pid_t>()> others = {};  // The idle workers.
};

// The context switches of the idle workers so far. This sum only grows, unless
// one of them has ended.
double switches_of(const Load& load) {
  double sum = 0;
  if (!load.others) return sum;
  for (const pid_t pid : load.others()) {
    sum += static_cast<double>(context_switches(pid));
  }
  return sum;
}

void kill_over_and_over(Lane& lane, LifeSign& sign, Outcome& outcome,
                        const Load& load) {
  const auto await = [&](auto condition) {
    while (!condition() && lane.goes_on()) {
      const uint32_t seen = sign.lives;
      if (!condition()) futex_wait(sign.lives, seen, Deadline::never());
    }
  };
  await([&] { return sign.lives > 0 && outcome.ready; });
  outcome.rss_kib = rss_kib(sign.pid);
  const double switches = switches_of(load);
  outcome.prepared = true;
  std::vector<double> took_ns;
  while (lane.goes_on()) {
    ::usleep(static_cast<useconds_t>(load.pause_s * 1e6));
    const uint32_t lives = sign.lives;
    const int64_t begin_ns = LifeSign::now_ns();
    ::kill(sign.pid, SIGKILL);
    await([&] { return sign.lives != lives; });
    if (sign.lives == lives) break;
    took_ns.push_back(static_cast<double>(sign.begun_ns - begin_ns));
    lane.did_long();
  }
  if (!took_ns.empty()) {
    outcome.median_ns = spread(took_ns).median;
    outcome.switches =
        (switches_of(load) - switches) / static_cast<double>(took_ns.size());
  }
  outcome.over = true;
}

// Measures a restart by `keep`. That must keep a process alive which gives
// signs of life, and must set `ready` when all workers have been started.
Figure run_kills(Placement place, LifeSign& sign,
                 const std::function<void(Outcome&)>& keep,
                 const Load& load = {}) {
  const Shared<Outcome> outcome;
  Figure figure =
      run(place,
          {[&](Lane& lane) { kill_over_and_over(lane, sign, *outcome, load); },
           [&](Lane&) { keep(*outcome); }},
          {.measured_s = load.measured_s, .prepared = &outcome->prepared});
  figure.ns = outcome->median_ns;
  figure.switches += outcome->switches;
  figure.counters["rss_KiB"] = outcome->rss_kib;
  return figure;
}

// One worker gives signs of life, beside others that have nothing to do.
Figure run_supervisor(Placement place, int workers) {
  constexpr size_t kMax = 500;
  const Shared<LifeSign> sign;
  const Shared<std::array<std::atomic<pid_t>, kMax>> idle;
  Load load;
  load.others = [&] {
    return std::vector<pid_t>(idle->begin(), idle->begin() + workers - 1);
  };
  const auto keep = [&](Outcome& outcome) {
    Supervisor supervisor;
    const RestartRule at_once{.count_max = 100'000, .delay_s = 0};
    for (int i = 1; i < workers; ++i) {
      supervisor.add(
          {.name = "Idle " + std::to_string(i), .work = [](Worker& worker) {
             while (worker.next_command_until(Deadline::never())) {
             }
           }});
    }
    supervisor.add({.name = "Victim",
                    .work =
                        [&](Worker&) {
                          sign->give();
                          while (true) ::pause();
                        },
                    .restarts = at_once});
    int started = 0;
    while (!outcome.over) {
      const auto notice = supervisor.next_until(Deadline::after(kLookS));
      if (!notice || notice->kind != Notice::Kind::started) continue;
      if (++started != workers) continue;
      for (int i = 1; i < workers; ++i) {
        (*idle)[static_cast<size_t>(i - 1)] =
            supervisor.status("Idle " + std::to_string(i)).pid;
      }
      outcome.ready = true;
    }
  };
  return run_kills(place, *sign, keep, load);
}

Figure run_pidfd_fork(Placement place) {
  const Shared<LifeSign> sign;
  return run_kills(place, *sign, [&](Outcome& outcome) {
    outcome.ready = true;
    while (!outcome.over) {
      const pid_t pid = check(::fork(), "fork");
      if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        sign->give();
        while (true) ::pause();
      }
      const UniqueFd pidfd(static_cast<int>(
          check(::syscall(SYS_pidfd_open, pid, 0U), "pidfd_open")));
      pollfd ended{pidfd.get(), POLLIN, 0};
      while (check(::poll(&ended, 1, static_cast<int>(kLookS * 1e3)), "poll") ==
                 0 &&
             !outcome.over) {
      }
      if (ended.revents == 0) ::kill(pid, SIGKILL);
      check(::waitpid(pid, nullptr, 0), "waitpid");
    }
  });
}

std::string find_program(const std::string& name) {
  const char* const path = ::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder;
    file += "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  throw Missing(name);
}

// A service is a folder with a program named "run" in it.
Figure run_service(Placement place, const std::string& program, Load load) {
  const std::string path = find_program(program);
  const TempDir folder("service");
  const std::string life = folder.file("life");
  const UniqueFd file(
      check(::open(life.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open"));
  check(::ftruncate(file.get(), sizeof(LifeSign)), "ftruncate");
  void* const memory = ::mmap(nullptr, sizeof(LifeSign), PROT_READ | PROT_WRITE,
                              MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) throw_error(errno, "mmap");
  auto& sign = *new (memory) LifeSign;
  const std::string run_file = folder.file("run");
  std::ofstream(run_file) << "#!" << tiny_program() << " " << life << "\n";
  check(::chmod(run_file.c_str(), 0700), "chmod");
  load.measured_s = 1.2;
  return run_kills(
      place, sign,
      [&](Outcome& outcome) {
        outcome.ready = true;
        Process keeper = Process::spawn(program, {path, folder.path()});
        while (!outcome.over) {
          (void)keeper.join_until(Deadline::after(kLookS));
        }
      },
      load);
}

const Bench benches([] {
  const std::string group = "supervisor_restart";
  contend(group, "Supervisor", both_pinned(),
          [](Placement place) { return run_supervisor(place, 1); });
  contend(group, "pidfd_fork", both_pinned(), run_pidfd_fork);
  contend(group, "s6", {Placement::two}, [](Placement place) {
    return run_service(place, "s6-supervise", {});
  });
  contend(group, "runit", {Placement::two}, [](Placement place) {
    return run_service(place, "runsv", {.pause_s = 1.05});
  });
  for (const int workers : {1, 10, 100, 500}) {
    contend("scale_supervisor_" + std::to_string(workers), "Supervisor",
            {Placement::two}, [workers](Placement place) {
              return run_supervisor(place, workers);
            });
  }
});

}  // namespace
}  // namespace ipc::bench
