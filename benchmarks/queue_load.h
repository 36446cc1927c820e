// The work by which all queues are compared: a number of producers and
// consumers, messages of one size, and the same capacity in bytes for each
// queue.
#pragma once

#include <fmt/format.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "common/base/clock.h"
#include "common/memory/shared.h"
#include "common/process/process.h"

namespace ipc::bench {

struct QueueLoad {
  int producers = 1;
  int consumers = 1;
  size_t size_bytes = 64;
  size_t capacity_bytes = 1 << 20;

  // At least four, even for the biggest messages.
  [[nodiscard]] size_t slots() const {
    return std::max<size_t>(4, capacity_bytes / size_bytes);
  }
  [[nodiscard]] std::string group() const {
    return fmt::format("queue_{}to{}_{}B", producers, consumers, size_bytes);
  }
};

// Q has put(const char* bytes) and get(char* bytes), both for size_bytes, and a
// constructor that takes a QueueLoad. A message that begins with E is the last.
template <typename Q>
Figure run_queue(Placement place, const QueueLoad& load) {
  Q queue(load);
  const Shared<std::atomic<int>> producing;
  *producing = load.producers;
  std::vector<Actor> actors;
  actors.reserve(static_cast<size_t>(load.producers) +
                 static_cast<size_t>(load.consumers));
  for (int i = 0; i < load.producers; ++i) {
    actors.emplace_back([&](Lane& lane) {
      std::vector<char> bytes(load.size_bytes, 'x');
      while (lane.goes_on()) {
        queue.put(bytes.data());
        if (load.consumers > 0) continue;
        queue.get(bytes.data());  // A single process does both.
        lane.did();
      }
      if (--*producing > 0) return;
      bytes[0] = 'E';
      for (int k = 0; k < load.consumers; ++k) queue.put(bytes.data());
    });
  }
  for (int i = 0; i < load.consumers; ++i) {
    actors.emplace_back([&](Lane& lane) {
      std::vector<char> bytes(load.size_bytes);
      while (true) {
        queue.get(bytes.data());
        if (bytes[0] == 'E') return;
        lane.did();
      }
    });
  }
  return run(place, actors);
}

// One message through one queue, and one back through another.
template <typename Q>
Figure run_round_trip(Placement place, const QueueLoad& load) {
  Q there(load);
  Q back(load);
  return run(place, {[&](Lane& lane) {
                       std::vector<char> bytes(load.size_bytes, 'x');
                       while (lane.goes_on()) {
                         there.put(bytes.data());
                         back.get(bytes.data());
                         lane.did();
                       }
                       bytes[0] = 'E';
                       there.put(bytes.data());
                     },
                     [&](Lane& /*lane*/) {
                       std::vector<char> bytes(load.size_bytes);
                       while (true) {
                         there.get(bytes.data());
                         if (bytes[0] == 'E') return;
                         back.put(bytes.data());
                       }
                     }});
}

// Kills and replaces one process after the other, wherever it happens to be.
// The counter `dead` is 1 if after a kill fewer than kAlive messages come
// through within kDeadS: then some process waits for something that never
// happens.
template <typename Q>
Figure run_kills(const QueueLoad& load) {
  constexpr int kKills = 60;
  constexpr uint64_t kAlive = 200;
  constexpr double kDeadS = 0.7;
  Q queue(load);
  const Shared<std::atomic<uint64_t>> received;
  const auto work = [&](bool puts) {
    std::vector<char> bytes(load.size_bytes, 'x');
    while (true) {
      if (puts) {
        queue.put(bytes.data());
      } else {
        queue.get(bytes.data());
        received->fetch_add(1, std::memory_order_relaxed);
      }
    }
  };
  std::vector<Process> processes;
  const auto start = [&](int lane) {
    return Process("Lane", [&, lane] {
      pin(Placement::two, lane);
      work(lane % 2 == 0);
    });
  };
  const auto goes_on = [&] {
    const uint64_t enough = received->load() + kAlive;
    const Deadline limit = Deadline::after(kDeadS);
    while (received->load() < enough && !limit.expired()) ::sched_yield();
    return received->load() >= enough;
  };
  const int lanes = load.producers + load.consumers;
  processes.reserve(static_cast<size_t>(lanes));
  for (int lane = 0; lane < lanes; ++lane) processes.push_back(start(lane));
  std::mt19937 random(static_cast<unsigned>(now_ns()));
  const int64_t begin_ns = now_ns();
  bool dead = !goes_on();
  for (int kill = 0; kill < kKills && !dead; ++kill) {
    const auto lane = static_cast<int>(random() % static_cast<unsigned>(lanes));
    Process& victim = processes[static_cast<size_t>(lane)];
    (void)victim.kill();
    (void)victim.join();
    victim = start(lane);
    dead = !goes_on();
  }
  Figure figure;
  figure.ns = static_cast<double>(now_ns() - begin_ns) /
              static_cast<double>(received->load());
  figure.counters["dead"] = dead ? 1 : 0;
  return figure;
}

template <typename Q>
void contend_kills(const std::string& name) {
  contend("queue_kills", name, {Placement::two}, [](Placement /*place*/) {
    return run_kills<Q>({2, 2, 64, 2048});
  });
}

// The loads by which the queues are compared,
inline std::vector<QueueLoad> queue_loads() {
  return {{1, 1, 64},   {1, 1, 4096}, {1, 1, 1 << 20}, {3, 1, 64},
          {3, 1, 4096}, {2, 2, 64},   {2, 2, 4096}};
}

// the sizes of messages for which there are curves,
inline constexpr std::array<size_t, 8> kCurveSizes = {
    64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20};

// and how many processes, half of them producers, use one queue.
inline constexpr std::array<int, 5> kCurveProcesses = {1, 2, 4, 8, 16};

// Registers a queue for the loads for which `can` returns true.
template <typename Q>
void contend_queue(const std::string& name,
                   const std::vector<Placement>& placements,
                   bool (*can)(const QueueLoad&)) {
  for (const QueueLoad& load : queue_loads()) {
    if (!can(load)) continue;
    contend(load.group(), name, placements,
            [load](Placement place) { return run_queue<Q>(place, load); });
  }
  for (const size_t size_bytes : kCurveSizes) {
    const QueueLoad load{1, 1, size_bytes};
    if (!can(load)) continue;
    contend(fmt::format("throughput_{}B", size_bytes), name, placements,
            [load](Placement place) { return run_queue<Q>(place, load); });
    contend(fmt::format("latency_{}B", size_bytes), name, placements,
            [load](Placement place) { return run_round_trip<Q>(place, load); });
  }
  if (!can({2, 2, kCurveSizes.front()})) return;
  for (const int processes : kCurveProcesses) {
    const int producers = std::max(1, processes / 2);
    const QueueLoad load{producers, processes - producers, 64};
    contend(fmt::format("scale_queue_{}", processes), name, {Placement::two},
            [load](Placement place) { return run_queue<Q>(place, load); });
  }
}

}  // namespace ipc::bench
