#include "roles.h"

#include <signal.h>

#include <algorithm>
#include <set>
#include <span>
#include <stdexcept>

#include "channel.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/report/report.h"
#include "labs/task_distribution/task.h"

int task_count = 20;
int prefetch_count = 1;

namespace {

// These tasks kill the worker that has them; the last one kills every worker.
bool dies_in_the_middle(int task_id, bool redelivered) {
  return task_id == task_count || (task_id == 7 && !redelivered);
}
bool dies_before_acknowledging(int task_id, bool redelivered) {
  return task_id == 11 && !redelivered;
}

}  // namespace

void generate(const Queues& queues) {
  ipc::say("Creating {} tasks", task_count + 1);
  Channel channel(queues.url);
  std::mt19937 random = ipc::random_source(0);
  for (int id = 0; id <= task_count; ++id) {
    const ipc::Task task = ipc::make_task(id, random);
    ipc::say("Created task {}", id);
    channel.publish(queues.tasks, ipc::to_text(task));
    ipc::pause_s(0.1 * ipc::random_unit(random));
  }
  ipc::say("All tasks created");
}

void work(const Queues& queues, Counters& counters, int id) {
  Channel results(queues.url);
  Channel tasks(queues.url);
  tasks.consume(queues.tasks, static_cast<uint16_t>(prefetch_count));
  counters.consuming.at(static_cast<size_t>(id)) = true;
  ipc::say("Started");
  int processed = 0;
  while (const auto delivery = tasks.next()) {
    const ipc::Task task = ipc::task_from(delivery->body).value();
    ipc::say("Processing task {} ({}){}", task.id, describe(task.type),
             delivery->redelivered ? ", redelivered" : "");
    ++counters.begun;
    const ipc::TaskResult result = ipc::process(task, id);
    if (dies_in_the_middle(task.id, delivery->redelivered)) ::raise(SIGKILL);
    results.publish(queues.results, ipc::to_text(result));  // [result]
    if (dies_before_acknowledging(task.id, delivery->redelivered)) {
      ::raise(SIGKILL);
    }
    tasks.acknowledge(*delivery);  // [acknowledge]
    ++processed;
  }
  ipc::say("The tasks are closed");
  ipc::say("Finished after processing {} tasks", processed);
}

void collect(const Queues& queues, const Counters& counters,
             const ipc::UniqueFd& complete) {
  Channel channel(queues.url);
  channel.consume(queues.results, 0);
  channel.consume(queues.dead, 0);
  ipc::say("Expecting {} results", task_count);
  ipc::Books books(task_count);
  std::set<int> dead;
  // A task may be done and still be dead, if no worker lived to acknowledge it.
  const auto dead_count = [&] {
    return std::ranges::count_if(dead, [&](int id) { return !books.has(id); });
  };
  bool told = false;
  while (const auto delivery = channel.next()) {
    if (delivery->body.empty()) break;
    if (delivery->queue == queues.dead) {
      const ipc::Task task = ipc::task_from(delivery->body).value();
      ipc::say("Task {} is dead: given out {} times, never acknowledged",
               task.id, kDeliveryLimit);
      dead.insert(task.id);
    } else {
      const auto result = ipc::result_from(delivery->body).value();
      const bool first = books.enter(result);  // [books]
      ipc::say("Received result for task {} from worker {}{}", result.task_id,
               result.worker_id, first ? "" : " again");
    }
    channel.acknowledge(*delivery);
    if (told || books.done() + dead_count() <= task_count) continue;
    ipc::say("All {} results collected", books.done());
    ipc::say("Total processing time: {:.2f} seconds", books.processing_s());
    ipc::write_all(complete, std::as_bytes(std::span("!", 1)));
    told = true;
  }
  ipc::say("In the books: {} of {} tasks, each done once; {} dead",
           books.done(), task_count + 1, dead_count());
  ipc::say("In fact: begun {} times, done {} times", counters.begun.load(),
           books.done() + books.repeated());
  if (!told) throw std::runtime_error("a task is lost");
}
