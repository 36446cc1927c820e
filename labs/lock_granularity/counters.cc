#include "labs/lock_granularity/counters.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/sync/barrier.h"

namespace {

constexpr int kWorkSteps = 100;  // Of the work in one update.

// Takes locks for one worker, and counts.
class Taker {
 public:
  explicit Taker(Board& board) : board_(board) {}
  Taker(const Taker&) = delete;
  Taker& operator=(const Taker&) = delete;
  Taker(Taker&&) = delete;
  Taker& operator=(Taker&&) = delete;
  ~Taker() {
    board_.calls.fetch_add(calls_, std::memory_order_relaxed);
    board_.waits.fetch_add(waits_, std::memory_order_relaxed);
  }

  std::unique_lock<UntoldLock> take(UntoldLock& lock) {
    ++calls_;
    std::unique_lock<UntoldLock> held(lock, std::try_to_lock);
    if (held) return held;
    ++waits_;  // [waits]
    held.lock();
    return held;
  }

 private:
  Board& board_;
  int64_t calls_ = 0;
  int64_t waits_ = 0;
};

// The lock that guards a counter: all workers must agree on it.
UntoldLock& guard_of(Board& board, size_t index, Way way) {
  return way == Way::one_lock ? board.lock : board.counters[index].lock;
}

void work() {
  for (int i = 0; i < kWorkSteps; ++i) {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // Not optimized away.
  }
}

void update(Board& board, Taker& taker, size_t index, Way way) {
  const auto held = taker.take(guard_of(board, index, way));  // [update]
  ipc::point("holds the lock");
  work();
  ++board.counters[index].value;
}

using Counts = std::array<int64_t, kCounters>;

void merge(Board& board, Taker& taker, const Counts& own) {
  const auto held = taker.take(board.lock);  // [merge]
  ipc::point("holds the lock");
  for (size_t i = 0; i < kCounters; ++i) board.counters[i].value += own[i];
}

void count_with_locks(Board& board, Way way, int updates,
                      std::mt19937& source) {
  Taker taker(board);
  for (int i = 0; i < updates; ++i) {
    update(board, taker, source() % kCounters, way);
  }
}

void count_apart(Board& board, int updates, std::mt19937& source) {
  Counts own{};  // [own]
  for (int i = 0; i < updates; ++i) {
    work();
    ++own[source() % kCounters];
  }
  Taker taker(board);
  merge(board, taker, own);
}

int64_t total_of(const Board& board) {
  int64_t total = 0;
  for (const Counter& counter : board.counters) total += counter.value;
  return total;
}

// The time in which a worker counted.
struct Span {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

struct Race {
  explicit Race(int workers) : start(workers) {}

  Board board;
  ipc::Barrier start;
  std::array<Span, kMaxWorkers> spans;  // One for each worker.
};

// From the first worker's start to the last one's end, without forking them.
double seconds_of(const Race& race, int workers) {
  const std::span spans(race.spans.data(), static_cast<size_t>(workers));
  const auto first = std::ranges::min(spans, {}, &Span::begin_ns);
  const auto last = std::ranges::max(spans, {}, &Span::end_ns);
  return static_cast<double>(last.end_ns - first.begin_ns) / 1e9;
}

void take_part(Race& race, Way way, int number, int updates) {
  auto source = ipc::random_source(static_cast<unsigned>(number));
  (void)race.start.wait();
  Span& span = race.spans[static_cast<size_t>(number)];
  span.begin_ns = ipc::now_ns();
  if (way == Way::own_counts) {
    count_apart(race.board, updates, source);
  } else {
    count_with_locks(race.board, way, updates, source);
  }
  span.end_ns = ipc::now_ns();
}

}  // namespace

void count_once(Board& board, size_t index, Way way) {
  Taker taker(board);
  if (way == Way::own_counts) {
    Counts own{};
    own.at(index) = 1;
    merge(board, taker, own);
  } else {
    update(board, taker, index, way);
  }
}

Result count_many(Way way, int workers, int updates) {
  const ipc::Shared<Race> race(workers);
  std::vector<ipc::Process> processes;
  processes.reserve(static_cast<size_t>(workers));
  for (int i = 0; i < workers; ++i) {
    processes.emplace_back("Worker " + std::to_string(i),
                           [&, i] { take_part(*race, way, i, updates); });
  }
  for (ipc::Process& process : processes) {
    if (process.join() != 0) throw std::runtime_error("a worker failed");
  }
  const Board& board = race->board;
  return {total_of(board), board.calls, board.waits,
          seconds_of(*race, workers)};
}

int64_t total_at_once(Board& board, Way way) {
  Taker taker(board);
  std::vector<std::unique_lock<UntoldLock>> held;
  if (way == Way::one_lock) {
    held.push_back(taker.take(board.lock));
  } else {
    // All are held at once, so that the total is of one moment; in one order.
    for (Counter& counter : board.counters) {
      held.push_back(taker.take(counter.lock));  // [all]
    }
  }
  ipc::point("holds all locks");
  return total_of(board);
}
