// Wrong: a task that is never acknowledged is given out again without a limit.
//
// The task kills every worker that takes it. Each time the broker is right to
// give it to the next worker, and it would do so forever.

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

constexpr int kWorkerCount = 6;  // After that no worker is left to try.
constexpr useconds_t kLookAgainUs = 5'000;
std::string url;

void work(const std::string& tasks) {
  Channel channel(url);
  channel.consume(tasks, 1);
  while (const auto delivery = channel.next()) {
    const ipc::Task task = ipc::task_from(delivery->body).value();
    ipc::say("Processing task {} ({}){}", task.id, describe(task.type),
             delivery->redelivered ? ", redelivered" : "");
    ::raise(SIGKILL);
  }
}

// Waits until the broker has the task again, or has put it aside as dead.
// Returns whether it is dead.
bool is_dead(Channel& channel, const std::string& tasks,
             const std::string& dead) {
  while (channel.counts(tasks).ready == 0) {
    if (channel.counts(dead).ready > 0) return true;
    ::usleep(kLookAgainUs);  // The broker does not report deaths.
  }
  return false;
}

std::string play() {
  const std::string tasks = ipc::unique_name("tasks");
  const std::string dead = ipc::unique_name("dead");
  Channel channel(url);
  channel.declare(dead);
  channel.declare(tasks);
  std::mt19937 random = ipc::random_source(0);
  ipc::say("Created task 0");
  channel.publish(tasks, ipc::to_text(ipc::make_task(0, random)));
  for (int id = 0; id < kWorkerCount; ++id) {
    Process worker("Worker " + std::to_string(id), [&] { work(tasks); });
    ipc::say("Worker {} was {}", id, ipc::describe_status(worker.join()));
    if (!is_dead(channel, tasks, dead)) continue;
    Process("Collector", [] { ipc::say("Task 0 is dead"); }).join();
    break;
  }
  channel.remove(tasks);
  channel.remove(dead);
  return "";
}

std::string lesson() {
  if (!url.empty()) return play();
  const OwnBroker broker;
  url = broker.url();
  return play();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_limit", "Workers share the tasks of a message broker.");
  lab.option("--url", url, "a broker; without it the lab starts one");
  return lab.run(argc, argv, lesson);
}
