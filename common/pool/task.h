// Options and outcomes of the tasks of a pool.
//
// See pool.h, which includes this.
#pragma once

#include <stddef.h>

#include <functional>
#include <string>

namespace ipc {

struct PoolOptions {
  std::string name = "Worker";             // The workers are "Worker 1", ...
  std::function<void()> initializer = {};  // Runs first in every new worker.
  size_t memory_bytes = 64 << 20;          // For arguments and results in work.
};

// Options for all tasks of one call.
struct TaskOptions {
  size_t chunk_size = 0;  // Tasks that a worker takes at once; 0: a quarter of
                          // each worker's share.
  int retries = 0;        // How often a task is done again if its worker dies.
                          // Above 0 only if doing it twice does no harm.
  double limit_s = 0;     // The worker of a task that takes longer is killed,
                          // after 1 to 1.5 times this. 0: no limit.
};

enum class TaskEnd {
  returned,
  threw,        // An exception left the function.
  worker_died,  // Its worker ended in the middle of it.
  too_late,     // It took longer than limit_s, and its worker was killed.
  cancelled,    // It was never begun.
};

// What became of a task; `result` is there until its batch is dropped.
struct FinishedTask {
  size_t task = 0;  // Its index in its batch.
  TaskEnd end = TaskEnd::returned;
  const void* result = nullptr;
  int status = 0;  // How its worker ended, as from Process::join().
  std::string text;
};

}  // namespace ipc
