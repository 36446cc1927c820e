// Compares ipc::Pool with Python's, and with what it is made of: two processes
// that were forked beforehand, sleep, and are woken by a futex. There are
// always two workers, one on each CPU if there are two; the owner of the pool
// is on the first CPU.
#include <math.h>

#include <array>
#include <atomic>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "benchmarks/sum_terms.h"
#include "common/base/check.h"
#include "common/memory/shared.h"
#include "common/pool/pool.h"
#include "common/process/process.h"
#include "common/sync/futex.h"

namespace ipc::bench {
namespace {

constexpr int kWorkers = 2;

// The options of a pool whose workers are placed on CPUs in their order of
// arrival.
class Placed {
 public:
  explicit Placed(Placement place) : place_(place) {}
  [[nodiscard]] PoolOptions options() const {
    return {.initializer = [this] { pin(place_, (*next_)++); }};
  }

 private:
  Placement place_;
  Shared<std::atomic<int>> next_;
};

// Measures the time of one empty task in a big map.
Figure run_empty_tasks(Placement place, size_t chunk_size, uint32_t tasks) {
  return run(place, {[=](Lane& lane) {
               const Placed placed(place);
               Pool<char(uint32_t)> pool(
                   kWorkers, [](uint32_t) { return 'x'; }, placed.options());
               while (lane.goes_on()) {
                 pool.map_range(0, tasks, {.chunk_size = chunk_size});
                 lane.did_long(tasks);
               }
             }});
}

// Two processes that do their part of a job whenever they are woken.
template <typename Part>
class HandForked {
 public:
  HandForked(Placement place, Part part) {
    for (int i = 0; i < kWorkers; ++i) {
      processes_.emplace_back("Hand", [this, place, part, i] {
        pin(place, i);
        for (uint32_t round = 0;; ++round) {
          while (shared_->round.load() == round) {
            futex_wait(shared_->round, round, Deadline::never());
          }
          part(i);
          if (shared_->busy.fetch_sub(1) == 1) futex_wake(shared_->busy, 1);
        }
      });
    }
  }
  void do_all() {
    shared_->busy = kWorkers;
    ++shared_->round;
    futex_wake_all(shared_->round);
    while (const uint32_t busy = shared_->busy.load()) {
      futex_wait(shared_->busy, busy, Deadline::never());
    }
  }

 private:
  struct Board {
    alignas(64) std::atomic<uint32_t> round{0};
    alignas(64) std::atomic<uint32_t> busy{0};
  };
  Shared<Board> shared_;
  std::deque<Process> processes_;  // Destroyed before the board.
};

Figure run_empty_map(Placement place) {
  return run(place, {[=](Lane& lane) {
               const Placed placed(place);
               Pool<char(uint32_t)> pool(
                   kWorkers, [](uint32_t) { return 'x'; }, placed.options());
               while (lane.goes_on()) {
                 pool.map_range(0, kWorkers, {.chunk_size = 1});
                 lane.did();
               }
             }});
}

Figure run_empty_hands(Placement place) {
  return run(place, {[=](Lane& lane) {
               HandForked hands(place, [](int) {});
               while (lane.goes_on()) {
                 hands.do_all();
                 lane.did();
               }
             }});
}

// What is summed, in memory that all samples of this program share.
class Numbers {
 public:
  static constexpr size_t kCount = 10'000'000;

  Numbers() { std::iota(data(), data() + kCount, 1.0); }
  [[nodiscard]] double* data() const {
    return static_cast<double*>(pages_.data());
  }
  // The workers must have touched every page before the measurement.
  static Window window() { return {.warm_s = 0.05}; }

 private:
  SharedPages pages_{kCount * sizeof(double)};
};

const double* numbers() {
  static const Numbers all;
  return all.data();
}

void expect_sum(double sum) {
  constexpr double kSum = 325744756438.7384;
  IPC_CHECK(fabs(sum - kSum) < 1e-12 * kSum);
}

Figure run_sum(Placement place, size_t size) {
  const double* const all = numbers();
  return run(
      place, {[=](Lane& lane) {
        const Placed placed(place);
        const auto chunks = static_cast<uint32_t>(Numbers::kCount / size);
        Pool<double(uint32_t)> pool(
            kWorkers,
            [=](uint32_t chunk) { return sum_terms(all + chunk * size, size); },
            placed.options());
        while (lane.goes_on()) {
          const auto sums = pool.map_range(0, chunks, {.chunk_size = 1});
          expect_sum(std::accumulate(sums.begin(), sums.end(), 0.0));
          lane.did_long(Numbers::kCount);
        }
      }},
      Numbers::window());
}

// Measures with the best of some chunk sizes, and measures that size again:
// otherwise the luckiest of several samples would be compared with single
// samples of others.
Figure run_best_sum(Placement place) {
  size_t best = 0;
  double best_ns = 0;
  for (const size_t size : {100'000U, 500'000U, 1'000'000U, 5'000'000U}) {
    const double ns = run_sum(place, size).ns;
    if (best != 0 && ns >= best_ns) continue;
    best = size;
    best_ns = ns;
  }
  Figure figure = run_sum(place, best);
  figure.counters["chunk"] = static_cast<double>(best);
  return figure;
}

Figure run_sum_by_hand(Placement place) {
  const double* const all = numbers();
  return run(place, {[=](Lane& lane) {
               const Shared<std::array<double, kWorkers>> sums;
               HandForked hands(place, [=, &sums](int i) {
                 constexpr size_t kHalf = Numbers::kCount / kWorkers;
                 (*sums)[static_cast<size_t>(i)] =
                     sum_terms(all + static_cast<size_t>(i) * kHalf, kHalf);
               });
               while (lane.goes_on()) {
                 hands.do_all();
                 expect_sum(std::accumulate(sums->begin(), sums->end(), 0.0));
                 lane.did_long(Numbers::kCount);
               }
             }},
             Numbers::window());
}

void contend_tasks(const std::string& group, size_t chunk_size, uint32_t tasks,
                   const std::vector<Placement>& placements) {
  contend(group, "Pool", placements, [=](Placement place) {
    return run_empty_tasks(place, chunk_size, tasks);
  });
}

const Bench benches([] {
  constexpr uint32_t kFew = 20'000;
  constexpr uint32_t kMany = 1'000'000;
  contend_tasks("pool_task_chunk1", 1, kFew, both_pinned());
  contend("pool_task_chunk1", "python_Pool_chunk1", both_pinned(),
          [](Placement place) { return run_python(place, {"pool_task"}); });
  contend_tasks("pool_task_chunk256", 256, kMany, both_pinned());
  contend("pool_task_chunk256", "python_Pool_chunk1", both_pinned(),
          [](Placement place) { return run_python(place, {"pool_task"}); });
  contend("pool_empty_map", "Pool", both_pinned(), run_empty_map);
  contend("pool_empty_map", "futex", both_pinned(), run_empty_hands);
  contend("pool_chunking", "Pool", {Placement::two}, run_best_sum);
  contend("pool_chunking", "hand_forked", {Placement::two}, run_sum_by_hand);
  contend("pool_chunking", "python_Pool", {Placement::two},
          [](Placement place) { return run_python(place, {"pool_sum"}); });
  for (size_t size = 1; size <= 4096; size *= 4) {
    contend_tasks("chunk_" + std::to_string(size), size,
                  size < 16 ? kFew : kMany, {Placement::two});
  }
});

}  // namespace
}  // namespace ipc::bench
