// Wrong: the collector counts results, and not the tasks that they are of.
//
// Worker 0 is killed after it has put the result of task 0, so task 0 is put
// back and done again. Three results have come then, of two tasks; the third
// task is done as well, but no process is left to take its result.

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

void work(Queue& tasks, Queue& results, int id, bool dies) {
  while (const auto message = tasks.get()) {
    const ipc::Task task = ipc::task_from(*message).value();
    ipc::say("Processing task {} ({})", task.id, describe(task.type));
    ipc::ensure(results.put(ipc::to_text(ipc::process(task, id))));
    if (dies) ::raise(SIGKILL);
  }
}

void collect(Queue& results) {
  for (int received = 0; received < kTaskCount; ++received) {
    const auto result = ipc::result_from(*results.get()).value();
    ipc::say("Received result for task {} from worker {}", result.task_id,
             result.worker_id);
  }
  ipc::say("All {} results collected", kTaskCount);
}

std::string lesson() {
  Queue tasks(100);
  Queue results(100);
  Process collector("Collector", [&] { collect(results); });
  std::mt19937 random = ipc::random_source(0);
  const std::string first = ipc::to_text(ipc::make_task(0, random));
  ipc::say("Created task 0");
  ipc::ensure(tasks.put(first));
  Process worker_0("Worker 0", [&] { work(tasks, results, 0, true); });
  ipc::say("Worker 0 was {}", ipc::describe_status(worker_0.join()));
  ipc::ensure(tasks.put(first));
  for (int id = 1; id < kTaskCount; ++id) {
    ipc::say("Created task {}", id);
    ipc::ensure(tasks.put(ipc::to_text(ipc::make_task(id, random))));
  }
  tasks.close();
  Process worker_1("Worker 1", [&] { work(tasks, results, 1, false); });
  const bool passed = worker_1.join() == 0 && collector.join() == 0;
  return passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counted_results", "Workers share tasks, and some are killed.");
  return lab.run(argc, argv, lesson);
}
