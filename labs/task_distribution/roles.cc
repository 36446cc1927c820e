#include "labs/task_distribution/roles.h"

#include <signal.h>

#include <stdexcept>

#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/task_distribution/task.h"

namespace {

using ipc::Queue;

// Where a worker is killed, and with which task.
enum Fate { kInTheMiddle, kBeforeAcknowledging, kBeforeClaiming };
constexpr int kFatalTask[] = {7, 11, 3};

void meet(Fate fate, Board& board, int task_id) {
  if (fate >= kill_count || kFatalTask[fate] != task_id) return;
  if (!board.fates_met.at(fate).exchange(true)) ::raise(SIGKILL);
}

}  // namespace

int task_count = 20;
int kill_count = 3;

void offer(Queue& tasks, const ipc::Task& task) {
  ipc::point("is on the board");
  // Refused if the queue was closed meanwhile: then all tasks are done, this
  // one as well. It is on the board, and so may be done before it is in the
  // queue.
  (void)tasks.put(ipc::to_text(task));
}

void generate(Board& board, Queue& tasks) {
  ipc::say("Creating {} tasks", task_count);
  std::mt19937 random = ipc::random_source(0);
  for (int id = 0; id < task_count; ++id) {
    const ipc::Task task = ipc::make_task(id, random);
    ipc::say("Created task {}", id);
    board.post(task);
    offer(tasks, task);
    ipc::pause_s(0.1 * ipc::random_unit(random));
  }
  ipc::say("All tasks created");
}

void work(Board& board, Queue& tasks, Queue& results, int id) {
  ipc::say("Started");
  int processed = 0;
  while (const auto message = tasks.get()) {
    const ipc::Task task = ipc::task_from(*message).value();
    meet(kBeforeClaiming, board, task.id);
    if (!board.claim(task.id)) continue;  // [claim] It was put there twice.
    ipc::say("Processing task {} ({})", task.id, describe(task.type));
    ++board.begun;
    const ipc::TaskResult result = ipc::process(task, id);
    meet(kInTheMiddle, board, task.id);
    ipc::ensure(results.put(ipc::to_text(result)));  // [result]
    meet(kBeforeAcknowledging, board, task.id);
    board.acknowledge(task.id);           // [acknowledge]
    if (board.all_done()) tasks.close();  // [close]
    ++processed;
  }
  ipc::say("The tasks are closed");
  ipc::say("Finished after processing {} tasks", processed);
}

void collect(const Board& board, Queue& results) {
  ipc::say("Expecting {} results", task_count);
  ipc::Books books(task_count);
  while (const auto message = results.get()) {
    const ipc::TaskResult result = ipc::result_from(*message).value();
    const bool first = books.enter(result);  // [books]
    ipc::say("Received result for task {} from worker {}{}", result.task_id,
             result.worker_id, first ? "" : " again");
    if (!first || books.done() < task_count) continue;
    ipc::say("All {} results collected", books.done());
    ipc::say("Total processing time: {:.2f} seconds", books.processing_s());
  }
  ipc::say("In the books: {} of {} tasks, each done once", books.done(),
           task_count);
  ipc::say("In fact: begun {} times, done {} times", board.begun.load(),
           books.done() + books.repeated());
  if (books.done() < task_count) throw std::runtime_error("a task is lost");
}
