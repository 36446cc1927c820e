// Worker processes that are forked once and do many tasks; after Python's
// multiprocessing.Pool and concurrent.futures.ProcessPoolExecutor.
//
//   ipc::Pool<double(double)> pool(2, [](double x) { return std::sqrt(x); });
//   std::vector<double> roots = pool.map(numbers, {.chunk_size = 256});
//   auto root = pool.submit(2.0);   // Returns at once.
//   ... root.get() ...              // Waits for the result.
//
// The function is given to the constructor, before the workers are forked:
// C++ has no pickle, which could send code to a process that exists. Arguments
// and results are copied as bytes, through shared memory whatever their size; a
// pointer to memory of one process cannot be sent. Large data are best put into
// shared memory before the pool is made; then only their indices are sent.
//
// Lifetime: the destructor kills the workers, also in the middle of a task, and
//           reaps them. Batches and futures must not outlive their pool.
//           A child's copy of a pool owns nothing and must not be used.
// Limits:   64 workers. At most 1,024 calls are in work at once, and their
//           arguments and results take at most memory_bytes.
// Blocks:   map, get and next until there are results; the forms with a
//           deadline no longer than that. start and submit block only when the
//           calls in work leave no room for another. No process holds a lock,
//           so a worker that is stopped delays only its own tasks.
// Time-out: the tasks continue, and the call may be repeated: no result is
//           lost, and none is returned twice. cancel() lets no further task
//           begin.
// Ordering: map returns results in the order of the arguments; next() of a
//           batch in the order in which chunks are done. What was done before
//           the call is visible to its tasks, what a task did is visible when
//           its result is returned.
// Errors:   an exception of a task is thrown again as TaskFailed, with its
//           text. std::length_error if a call would not fit even into an empty
//           pool; std::system_error if no worker can be forked for 1 s;
//           std::runtime_error if worker after worker dies in its initializer.
// Fork:     a worker has the parent's memory as it was when it was forked, and
//           all of its descriptors. A dead worker is replaced, by fork(2),
//           during the next call that waits: the new one also has what the
//           parent has changed or opened by then. Make no threads beside a
//           pool.
// Death:    of a worker, at any instruction: its task fails with WorkerDied, or
//           is done again if it has retries left; other workers do the rest of
//           its chunk. No task is lost and no result returned twice. A worker
//           that is stopped or hangs is noticed if the call has a limit_s. A
//           task goes to another worker only when the first one is dead, and a
//           worker that was given up cannot store a result any more. Of the
//           owner: its workers die with it (PR_SET_PDEATHSIG).
// Threads:  one: the pool belongs to the thread that made it.
// See:      board.h for how a death is attributed.
#pragma once

#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#include <concepts>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/pool/batch.h"
#include "common/pool/internal/core.h"
#include "common/pool/internal/worker.h"
#include "common/pool/task.h"

namespace ipc {

template <typename Signature>
class Pool;

template <typename Result, typename Argument>
class Pool<Result(Argument)> {
  static_assert(std::is_trivially_copyable_v<Result> &&
                    std::is_trivially_copyable_v<Argument>,
                "arguments and results are copied as bytes: what they point "
                "to, as std::string does, is not in the other process");
  static_assert(alignof(Result) <= 64 && alignof(Argument) <= 64);

 public:
  template <typename Function>
  Pool(int worker_count, Function function, PoolOptions options = {})
      : core_(worker_count, sizeof(Argument), sizeof(Result),
              make_call(std::move(function)), std::move(options)) {}

  // Hands out one task for each argument and does not wait for the results.
  Batch<Result> start(std::span<const Argument> arguments,
                      const TaskOptions& options = {}) {
    return {core_, core_.start(arguments.data(), 0, arguments.size(), options)};
  }
  // The same for the arguments first, first + 1, ..., end - 1: the workers
  // count them, so nothing is copied.
  Batch<Result> start_range(
      Argument first, Argument end,
      const TaskOptions& options = {}) requires std::integral<Argument> {
    // Without a sign, because the greatest range would overflow.
    const size_t count =
        first < end ? static_cast<size_t>(end) - static_cast<size_t>(first) : 0;
    return {core_,
            core_.start(nullptr, static_cast<uint64_t>(first), count, options)};
  }

  // All results, in the order of the arguments.
  std::vector<Result> map(std::span<const Argument> arguments,
                          const TaskOptions& options = {}) {
    return start(arguments, options).get();
  }
  std::vector<Result> map_range(
      Argument first, Argument end,
      const TaskOptions& options = {}) requires std::integral<Argument> {
    return start_range(first, end, options).get();
  }

  // One task.
  Future<Result> submit(const Argument& argument,
                        const TaskOptions& options = {}) {
    return Future<Result>(start({&argument, 1}, options));
  }

  // Readable when a task or a worker has ended, or look() is due: for poll(2)
  // and event loops. Then look() takes note of it; it does not wait.
  [[nodiscard]] int fd() { return core_.fd(); }
  void look() { core_.look(); }

  // The workers that live as far as the pool knows, and how many have died.
  [[nodiscard]] std::vector<pid_t> pids() const { return core_.pids(); }
  [[nodiscard]] int deaths() const { return core_.deaths(); }

 private:
  template <typename Function>
  static pool_internal::Call make_call(Function function) {
    return
        [function = std::move(function)](pool_internal::Tasks& tasks) mutable {
          while (tasks.left()) {
            Argument argument{};
            if (const void* const bytes = tasks.begin()) {
              ::memcpy(&argument, bytes, sizeof argument);
            } else if constexpr (std::integral<Argument>) {
              argument = static_cast<Argument>(tasks.index());
            }
            const Result result = function(argument);
            tasks.finish(result);
          }
        };
  }

  PoolCore core_;
};

}  // namespace ipc
