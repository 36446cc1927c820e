// Wrong: the generator counts the workers that are to stop.
//
// It puts one marker for each CPU, but how many workers are started is set in
// another place. Here there are two markers and three workers. The third waits
// for a task forever.

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
constexpr int kMarkerCount = 2;
constexpr const char* kMarker = "";  // No task is empty.

void generate(Queue& tasks) {
  std::mt19937 random = ipc::random_source(0);
  for (int id = 0; id < kTaskCount; ++id) {
    ipc::say("Created task {}", id);
    ipc::ensure(tasks.put(ipc::to_text(ipc::make_task(id, random))));
  }
  for (int i = 0; i < kMarkerCount; ++i) ipc::ensure(tasks.put(kMarker));
  ipc::say("All tasks created");
}

void work(Queue& tasks, Queue& results, int id) {
  while (true) {
    const auto message = tasks.get();
    if (*message == kMarker) break;
    const ipc::Task task = ipc::task_from(*message).value();
    ipc::say("Processing task {} ({})", task.id, describe(task.type));
    ipc::ensure(results.put(ipc::to_text(ipc::process(task, id))));
  }
  ipc::say("Received termination signal");
}

void collect(Queue& results) {
  ipc::Books books(kTaskCount);
  while (books.done() < kTaskCount) {
    const auto result = ipc::result_from(*results.get()).value();
    if (!books.enter(result)) continue;
    ipc::say("Received result for task {} from worker {}", result.task_id,
             result.worker_id);
  }
  ipc::say("All {} results collected", books.done());
}

std::string lesson() {
  Queue tasks(100);
  Queue results(100);
  ipc::describe_object("Queue", &tasks, "tasks");
  Process collector("Collector", [&] { collect(results); });
  Process generator("Generator", [&] { generate(tasks); });
  Process worker_0("Worker 0", [&] { work(tasks, results, 0); });
  Process worker_1("Worker 1", [&] { work(tasks, results, 1); });
  Process worker_2("Worker 2", [&] { work(tasks, results, 2); });
  bool passed = collector.join() == 0 && generator.join() == 0;
  for (Process* worker : {&worker_0, &worker_1, &worker_2}) {
    passed = worker->join() == 0 && passed;
  }
  return passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counted_markers", "Workers share tasks, and some are killed.");
  return lab.run(argc, argv, lesson);
}
