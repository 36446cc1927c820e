// Wrong: no process knows which task a worker has, as in the guide's program.
//
// What get() has returned is in no queue any more. Worker 0 is killed with
// task 1 in its hands, no process puts that back, and the collector waits for
// its result forever.

#include <signal.h>

#include <string>

#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/task_distribution/task.h"

namespace {

using ipc::Process;
using ipc::Queue;

constexpr int kTaskCount = 3;

void generate(Queue& tasks) {
  std::mt19937 random = ipc::random_source(0);
  for (int id = 0; id < kTaskCount; ++id) {
    ipc::say("Created task {}", id);
    ipc::ensure(tasks.put(ipc::to_text(ipc::make_task(id, random))));
  }
  tasks.close();
}

void work(Queue& tasks, Queue& results, int id) {
  while (const auto message = tasks.get()) {
    const ipc::Task task = ipc::task_from(*message).value();
    ipc::say("Processing task {} ({})", task.id, describe(task.type));
    if (id == 0 && task.id > 0) ::raise(SIGKILL);  // In the middle of it.
    ipc::ensure(results.put(ipc::to_text(ipc::process(task, id))));
  }
}

void collect(Queue& results) {
  ipc::Books books(kTaskCount);
  while (books.done() < kTaskCount) {
    const auto result = ipc::result_from(*results.get()).value();
    if (!books.enter(result)) continue;
    ipc::say("Received result for task {} from worker {}", result.task_id,
             result.worker_id);
  }
}

std::string lesson() {
  Queue tasks(100);
  Queue results(100);
  ipc::describe_object("Queue", &results, "results");
  Process collector("Collector", [&] { collect(results); });
  generate(tasks);
  Process worker_0("Worker 0", [&] { work(tasks, results, 0); });
  worker_0.join();  // It was killed, and the status is ignored.
  Process worker_1("Worker 1", [&] { work(tasks, results, 1); });
  const bool passed = worker_1.join() == 0 && collector.join() == 0;
  return passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_redelivery", "Workers share tasks, and some are killed.");
  return lab.run(argc, argv, lesson);
}
