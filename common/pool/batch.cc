#include "common/pool/batch.h"

namespace ipc {

void throw_task_failed(const FinishedTask& task) {
  const bool died =
      task.end == TaskEnd::worker_died || task.end == TaskEnd::too_late;
  if (died) throw WorkerDied(task);
  throw TaskFailed(task);
}

}  // namespace ipc
