// task_distribution: workers are killed, and every task is done.
//
//   Generator --tasks--> Worker 0, 1, ... --results--> Collector
//       |                     |                         keeps the books
//       `-----> [ board ] <---'  <--- Main puts back what a dead worker had
//
// Watch for: three workers die, each at a different line. Each task is in the
// books once, though one was done twice in fact.
// Try: in roles.cc, delete the line [close]; move [acknowledge] up to [claim].

#include <fmt/format.h>
#include <signal.h>

#include <string>
#include <vector>

#include "board.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/task_distribution/task.h"
#include "roles.h"

namespace {

using ipc::Process;
using ipc::Queue;

int worker_count = 2;

// Puts back what a dead worker had, and offers again all that no worker has: it
// may have taken one of these out of the queue without claiming it.
void put_back(Board& board, Queue& tasks, pid_t dead) {
  board.put_back(
      dead,
      [](const ipc::Task& task) { ipc::say("Task {} is put back", task.id); },
      [&](const ipc::Task& task) { offer(tasks, task); });  // [open]
  if (board.all_done()) tasks.close();
}

// What the explorer plays in every order: a worker has died, and the last task
// is put back while it is created and done, for the dead one did not have it.
std::string put_back_and_done(ipc::Schedule& schedule) {
  constexpr pid_t kDead = 1;  // It is init's, so no worker has it.
  const ipc::Shared<Board> board(task_count);
  Queue tasks(4 * static_cast<uint32_t>(task_count));
  Queue results(4 * static_cast<uint32_t>(task_count));
  ipc::describe_object("Queue", &tasks, "tasks");
  ipc::describe_object("Queue", &results, "results");
  schedule.add("Generator", [&] { generate(*board, tasks); });
  schedule.add("Worker", [&] { work(*board, tasks, results, 0); });
  schedule.add("Main", [&] { put_back(*board, tasks, kDead); });
  schedule.run();
  return fmt::format("begun {} times, {} results", board->begun.load(),
                     results.size());
}

std::string lesson() {
  const ipc::Shared<Board> board(task_count);
  Queue tasks(4 * static_cast<uint32_t>(Board::kTasksMax));
  Queue results(4 * static_cast<uint32_t>(Board::kTasksMax));
  ipc::describe_object("Queue", &tasks, "tasks");
  ipc::describe_object("Queue", &results, "results");
  Process collector("Collector", [&] { collect(*board, results); });
  std::vector<Process> crew;
  crew.emplace_back("Generator", [&] { generate(*board, tasks); });
  ipc::say("Creating {} worker processes", worker_count);
  int next_worker = 0;
  const auto add_worker = [&] {
    const int id = next_worker++;
    crew.emplace_back("Worker " + std::to_string(id),
                      [&, id] { work(*board, tasks, results, id); });
  };
  while (next_worker < worker_count) add_worker();
  while (!crew.empty()) {
    const auto ended = crew.begin() + static_cast<ptrdiff_t>(wait_any(crew));
    Process process = std::move(*ended);
    crew.erase(ended);
    const int status = process.join();
    if (status == 0) continue;
    ipc::say("{} was {}", process.name(), ipc::describe_status(status));
    // The board knows what a worker had, but not what a generator was to
    // create.
    if (status != -SIGKILL || !process.name().starts_with("Worker")) {
      return process.name() + " failed";
    }
    put_back(*board, tasks, process.pid());  // [redeliver]
    add_worker();
  }
  results.close();  // No process is left that puts a result.
  if (collector.join() != 0) return "the collector failed";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("task_distribution",
               "Workers share tasks, and some are killed.");
  lab.option("--tasks", task_count, 1, Board::kTasksMax, "tasks to do");
  lab.option("--workers", worker_count, 1, 100, "workers at a time");
  lab.option("--kills", kill_count, 0, 3, "workers to kill");
  lab.explores("the last task is put back", put_back_and_done);
  return lab.run(argc, argv, lesson);
}
