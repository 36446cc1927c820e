// Worker processes that are forked once and do many tasks; after Python's
// multiprocessing.Pool and concurrent.futures.ProcessPoolExecutor.
//
//   ipc::Pool<double(double)> pool(2, [](double x) { return std::sqrt(x); });
//   std::vector<double> roots = pool.map(numbers, {.chunk_size = 256});
//   auto root = pool.submit(2.0);   // at once
//   ... root.get() ...              // when it is needed
//
// The function is given to the constructor, before the workers are forked:
// there is no pickle that could send code to a process that exists. Arguments
// and results are copied as bytes, through shared memory whatever their size;
// what points to memory of one process cannot be sent. Large data are best put
// into shared memory before the pool is made, and their indices sent.
//
// Lifetime: the destructor kills the workers, also in the middle of a task, and
//           reaps them. Batches and futures must not outlive their pool.
//           A child's copy of a pool owns nothing and is not to be used.
// Limits:   64 workers; 1,024 calls in work at once, whose arguments and
//           results take memory_bytes at most.
// Blocks:   map, get and next until there are results; the forms with a
//           deadline at most so long. start and submit only when the calls in
//           work leave no room for another. No process holds a lock, so a
//           worker that is stopped holds up its own task and no call.
// Time-out: the tasks go on, and the call may be repeated: no result is lost,
//           and none is returned twice. To end them there is cancel().
// Ordering: map returns results in the order of the arguments; next() of a
//           batch in the order in which chunks are done. What was done before
//           the call is visible to its tasks, what a task did is visible when
//           its result is returned.
// Errors:   an exception of a task is thrown again as TaskFailed, with its
//           text. std::length_error if a call would not fit even into an empty
//           pool; std::system_error if no worker can be forked for 1 s;
//           std::runtime_error if none gets through its initializer.
// Fork:     a worker has the parent's memory as it was when it was forked, and
//           all of its descriptors. A dead one is replaced, by fork(2), during
//           the next call that waits: what the parent has changed or opened
//           by then, the new one has too. Make no threads beside it.
// Death:    a worker, anywhere: its task fails with WorkerDied, or is done once
//           more if it has retries left; the rest of its chunk is done by
//           others. No task is lost and no result returned twice. One that is
//           stopped or hangs is noticed if the call has a limit_s. A task goes
//           to another worker only when its first one is dead, and a life that
//           was given up cannot store a result. The owner: its workers die
//           with it (PR_SET_PDEATHSIG).
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
                "its bytes must be all there is to it: what it points to, as "
                "std::string does, is not in the worker");
  static_assert(alignof(Result) <= 64 && alignof(Argument) <= 64);

 public:
  template <typename Function>
  Pool(int worker_count, Function function, PoolOptions options = {})
      : core_(worker_count, sizeof(Argument), sizeof(Result),
              make_call(std::move(function)), std::move(options)) {}

  // Hands out one task for each argument and does not wait for them.
  Batch<Result> start(std::span<const Argument> arguments,
                      const TaskOptions& options = {}) {
    return {core_, core_.start(arguments.data(), 0, arguments.size(), options)};
  }
  // The same for the arguments first, first + 1, ... up to before `end`: they
  // are counted and not copied.
  Batch<Result> start_range(
      Argument first, Argument end,
      const TaskOptions& options = {}) requires std::integral<Argument> {
    // Without a sign, or the greatest range would overflow.
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

  // Readable when something has come to an end: for poll(2) and event loops.
  // Then look() takes note of it; it does not wait.
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
