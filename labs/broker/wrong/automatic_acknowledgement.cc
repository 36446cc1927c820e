// Wrong: a task counts as acknowledged as soon as the broker has sent it.
//
// That spares the worker one call, but the broker forgets the task at once. If
// the worker is killed then, no process has the task any more: "automatic"
// means at most once.

#include <signal.h>
#include <unistd.h>

#include <string>

#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/broker/channel.h"
#include "labs/broker/server.h"
#include "labs/task_distribution/task.h"

namespace {

using ipc::Process;

constexpr int kTaskCount = 3;
std::string url;

void work(const std::string& tasks, const std::string& results, int id) {
  Channel out(url);
  Channel in(url);
  in.consume(tasks, 1, /*automatic=*/true);
  while (const auto delivery = in.next()) {
    const ipc::Task task = ipc::task_from(delivery->body).value();
    ipc::say("Processing task {} ({})", task.id, describe(task.type));
    if (task.id == 0 && !delivery->redelivered) ::raise(SIGKILL);
    out.publish(results, ipc::to_text(ipc::process(task, id)));
  }
}

void collect(const std::string& results) {
  Channel channel(url);
  channel.consume(results, 0);
  ipc::Books books(kTaskCount);
  while (const auto delivery = channel.next()) {
    channel.acknowledge(*delivery);
    if (delivery->body.empty()) break;
    const auto result = ipc::result_from(delivery->body).value();
    if (!books.enter(result)) continue;
    ipc::say("Received result for task {} from worker {}", result.task_id,
             result.worker_id);
  }
}

std::string play() {
  const std::string tasks = ipc::unique_name("tasks");
  const std::string results = ipc::unique_name("results");
  Channel channel(url);
  channel.declare(tasks);
  channel.declare(results);
  std::mt19937 random = ipc::random_source(0);
  for (int id = 0; id < kTaskCount; ++id) {
    ipc::say("Created task {}", id);
    channel.publish(tasks, ipc::to_text(ipc::make_task(id, random)));
  }
  Process collector("Collector", [&] { collect(results); });
  Process worker_0("Worker 0", [&] { work(tasks, results, 0); });
  ipc::say("Worker 0 was {}", ipc::describe_status(worker_0.join()));
  while (channel.counts(tasks).consumers > 0) ::usleep(5'000);
  Process worker_1("Worker 1", [&] { work(tasks, results, 1); });
  while (channel.counts(tasks).consumers == 0) ::usleep(5'000);
  while (channel.counts(tasks).ready > 0) ::usleep(5'000);
  channel.remove(tasks);
  bool passed = worker_1.join() == 0;
  channel.publish(results, "");
  passed = collector.join() == 0 && passed;
  channel.remove(results);
  return passed ? "" : "a process failed";
}

std::string lesson() {
  if (!url.empty()) return play();
  const OwnBroker broker;
  url = broker.url();
  return play();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("automatic_acknowledgement",
               "Workers share the tasks of a message broker.");
  lab.option("--url", url, "a broker; without it the lab starts one");
  return lab.run(argc, argv, lesson);
}
