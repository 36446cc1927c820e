// Wrong: a task that nobody acknowledges is given out again without a limit.
//
// The task kills whoever works on it. So each worker dies in turn, the broker
// is right to give it to the next one each time, and it would do so for ever.

#include <signal.h>

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

constexpr int kWorkerCount = 6;  // Then nobody is left who would try.
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

std::string play() {
  const std::string tasks = ipc::unique_name("tasks");
  Channel channel(url);
  channel.declare(tasks);
  std::mt19937 random = ipc::random_source(0);
  ipc::say("Created task 0");
  channel.publish(tasks, ipc::to_text(ipc::make_task(0, random)));
  for (int id = 0; id < kWorkerCount; ++id) {
    Process worker("Worker " + std::to_string(id), [&] { work(tasks); });
    ipc::say("Worker {} was {}", id, ipc::describe_status(worker.join()));
  }
  channel.remove(tasks);
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
  ipc::Lab lab("no_limit", "A task that kills its worker, again and again.");
  lab.option("--url", url, "a broker's; without it the lab starts one");
  return lab.run(argc, argv, lesson);
}
