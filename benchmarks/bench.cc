#include "benchmarks/bench.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/process.h"
#include "common/sync/event.h"

namespace ipc::bench {
namespace {

constexpr double kEndLimitS = 10;
constexpr double kNearWindowS = 0.007;
// A measured distance that is younger than this need not be measured again.
constexpr int64_t kNearFreshNs = 3'000'000;
constexpr int kStatusMissing = 77;

std::vector<int> find_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  check(::sched_getaffinity(0, sizeof allowed, &allowed), "getaffinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

// The CPUs at the start of the program: a pinned child sees only its own.
const std::vector<int>& cpus() {
  static const std::vector<int> found = find_cpus();
  return found;
}

void nap(double seconds) {
  const timespec until = Deadline::after(seconds).to_timespec();
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) !=
         0) {
  }
}

// What all processes of a sample share.
struct Stage {
  static constexpr size_t kLanesMax = 65;  // 64 clients and their server.

  Progress lanes[kLanesMax];
  // Written only before and after what is measured.
  Event begin;
  std::atomic<uint32_t> ready{0};
  std::atomic<bool> over{false};
};

// What had been counted and consumed at one moment.
struct Snapshot {
  int64_t at_ns = 0;
  uint64_t count = 0;
  uint64_t switches = 0;
  int64_t cpu_ns = 0;
};

int64_t read_cpu_ns(pid_t pid) {
  clockid_t clock = 0;
  check_zero(::clock_getcpuclockid(pid, &clock), "clock_getcpuclockid");
  timespec used{};
  check(::clock_gettime(clock, &used), "clock_gettime");
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

Snapshot look(const Stage& stage, std::deque<Process>& processes) {
  Snapshot now;
  now.at_ns = now_ns();
  for (size_t i = 0; i < processes.size(); ++i) {
    const Progress& lane = stage.lanes[i];
    if (const int64_t at_ns = lane.at_ns.load()) now.at_ns = at_ns;
    now.count += lane.count.load();
  }
  for (Process& process : processes) {
    now.switches += context_switches(process.pid());
    now.cpu_ns += read_cpu_ns(process.pid());
  }
  return now;
}

// Returns the ns of a round trip between two CPUs through one cache line.
double measure_distance() {
  if (cpus().size() < 2) return 0;
  struct Line {
    alignas(64) std::atomic<uint32_t> turn{0};
    alignas(64) std::atomic<bool> over{false};
  };
  const Shared<Line> line;
  Process other("Other end", [&] {
    pin(Placement::two, 1);
    uint32_t next = 1;
    while (!line->over.load(std::memory_order_relaxed)) {
      if (line->turn.load(std::memory_order_acquire) != next) continue;
      line->turn.store(next + 1, std::memory_order_release);
      next += 2;
    }
  });
  cpu_set_t before;
  check(::sched_getaffinity(0, sizeof before, &before), "getaffinity");
  pin(Placement::two, 0);
  uint32_t turn = 0;
  const auto round_trip = [&] {
    line->turn.store(turn + 1, std::memory_order_release);
    turn += 2;
    while (line->turn.load(std::memory_order_acquire) != turn) {
    }
  };
  round_trip();
  const int64_t begin_ns = now_ns();
  const int64_t end_ns = begin_ns + static_cast<int64_t>(kNearWindowS * 1e9);
  constexpr int kTrips = 100;
  int trips = 0;
  int64_t now = begin_ns;
  while (now < end_ns) {
    for (int i = 0; i < kTrips; ++i) round_trip();
    trips += kTrips;
    now = now_ns();
  }
  line->over = true;
  (void)other.join();
  check(::sched_setaffinity(0, sizeof before, &before), "setaffinity");
  return static_cast<double>(now - begin_ns) / trips;
}

// Returns the distance now, or the one measured a moment ago.
double distance() {
  static double last = 0;
  static int64_t last_ns = 0;
  if (last_ns == 0 || now_ns() - last_ns > kNearFreshNs) {
    last = measure_distance();
    last_ns = now_ns();
  }
  return last;
}

const char* name_of(Placement place) {
  constexpr const char* kNames[] = {"same", "two", "free"};
  return kNames[static_cast<int>(place)];
}

// Runs a program and returns what it has printed.
std::string read_output(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  int ends[2];
  check(::pipe(ends), "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  Process program(
      "Peer",
      [&] {
        check(::dup2(writer.get(), STDOUT_FILENO), "dup2");
        ::execvp(argv[0], argv.data());
        ::_exit(errno == ENOENT ? kStatusMissing : 1);
      },
      Process::Group::own);
  writer.reset();
  std::string text;
  char bytes[4096];
  ssize_t size = 0;
  while ((size = retry(
              [&] { return ::read(reader.get(), bytes, sizeof bytes); })) > 0) {
    text.append(bytes, static_cast<size_t>(size));
  }
  const int status = program.join();
  if (status == kStatusMissing) throw Missing(arguments[0] + ": " + text);
  if (status != 0) {
    throw std::runtime_error(
        fmt::format("{}: {}", arguments[0], describe_status(status)));
  }
  return text;
}

void sample(benchmark::State& state, Placement place,
            const std::function<Figure(Placement)>& contender) {
  while (state.KeepRunning()) {
    try {
      const double before = distance();
      const Figure figure = contender(place);
      state.SetIterationTime(figure.ns * 1e-9);
      state.counters["near_before"] = before;
      state.counters["near_after"] = distance();
      state.counters["switches"] = figure.switches;
      state.counters["cpu"] = figure.cpu;
      for (const auto& [name, value] : figure.counters) {
        state.counters[name] = value;
      }
    } catch (const Missing& missing) {
      state.SkipWithError(("missing: " + std::string(missing.what())).c_str());
      break;
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
      break;
    }
  }
}

}  // namespace

void Lane::did_long(uint64_t count) {
  did(count);
  progress_.at_ns.store(now_ns());
}

void pin(Placement place, int lane) {
  if (place == Placement::free) return;
  const size_t index =
      place == Placement::same ? 0 : static_cast<size_t>(lane) % 2;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpus()[index % cpus().size()], &one);
  check(::sched_setaffinity(0, sizeof one, &one), "setaffinity");
}

uint64_t context_switches(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  uint64_t sum = 0;
  std::string line;
  while (std::getline(status, line)) {
    const size_t found = line.find("voluntary_ctxt_switches:");
    if (found == std::string::npos) continue;
    sum += std::stoull(line.substr(line.find(':') + 1));
  }
  return sum;
}

Figure run(Placement place, const std::vector<Actor>& actors,
           const Window& window) {
  if (actors.size() > Stage::kLanesMax) throw std::length_error("lanes");
  const Shared<Stage> stage;
  std::deque<Process> processes;
  for (size_t i = 0; i < actors.size(); ++i) {
    processes.emplace_back(fmt::format("Lane {}", i), [&, i] {
      pin(place, static_cast<int>(i));
      Lane lane(stage->over, stage->lanes[i]);
      stage->ready.fetch_add(1);
      stage->begin.wait();
      actors[i](lane);
    });
  }
  while (stage->ready.load() < actors.size()) ::sched_yield();
  stage->begin.set();
  const Deadline begun = Deadline::after(kEndLimitS * time_scale());
  while (window.prepared != nullptr && !window.prepared->load()) {
    if (begun.expired()) throw std::runtime_error("preparing takes too long");
    nap(0.001);
  }
  nap(window.warm_s);
  const Snapshot begin = look(*stage, processes);
  nap(window.measured_s);
  const Snapshot end = look(*stage, processes);
  stage->over = true;
  const Deadline limit = Deadline::after(kEndLimitS * time_scale());
  for (Process& process : processes) {
    const std::optional<int> status = process.join_until(limit);
    if (!status) throw std::runtime_error(process.name() + " does not end");
    if (*status != 0) {
      throw std::runtime_error(process.name() + ": " +
                               describe_status(*status));
    }
  }
  const auto took_ns = static_cast<double>(end.at_ns - begin.at_ns);
  const auto cpu_ns = static_cast<double>(end.cpu_ns - begin.cpu_ns);
  const double count = window.is_idle
                           ? took_ns * 1e-9
                           : static_cast<double>(end.count - begin.count);
  if (count == 0) throw std::runtime_error("nothing was done in time");
  Figure figure;
  figure.ns = (window.is_idle ? cpu_ns : took_ns) / count;
  figure.switches = static_cast<double>(end.switches - begin.switches) / count;
  figure.cpu = cpu_ns / took_ns;
  return figure;
}

Figure run_python(Placement place, const std::vector<std::string>& arguments) {
  const char* const folder = ::getenv("IPC_BENCH_PEERS");
  std::vector<std::string> command = {
      "python3",
      std::string(folder == nullptr ? "benchmarks/peers" : folder) +
          "/python_peer.py",
      name_of(place)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::istringstream lines(read_output(command));
  std::string line;
  std::string last;
  while (std::getline(lines, line)) last = line;
  return {.ns = std::stod(last)};
}

void contend(const std::string& group, const std::string& name,
             const std::vector<Placement>& placements,
             const std::function<Figure(Placement)>& contender) {
  for (const Placement place : placements) {
    const std::string full =
        fmt::format("{}/{}/{}", group, name_of(place), name);
#ifndef __clang_analyzer__  // It mistakes what is registered for a leak.
    benchmark::RegisterBenchmark(
        full.c_str(),
        [=](benchmark::State& state) { sample(state, place, contender); })
        ->Iterations(1)
        ->UseManualTime();
#endif
  }
}

}  // namespace ipc::bench
