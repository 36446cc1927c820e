// Wrong: the position is committed before the work, in a group that may not
// lose a task.
//
// It looks safer, because no task is done twice. But to the group a task is
// done once its offset is committed. A worker that is killed after that takes
// the task with it; its successor begins behind it.

#include <signal.h>

#include <string>

#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/log/kafka.h"
#include "labs/log/server.h"

namespace {

using ipc::Process;

constexpr int kTaskCount = 4;
std::string servers;
std::string tasks;
std::string results;

void generate() {
  kafka::Producer producer(servers);
  for (int task = 0; task < kTaskCount; ++task) {
    ipc::say("Sending task {} for ada", task);
    producer.send(tasks, "ada", std::to_string(task));
  }
  producer.send(tasks, "ada", "end");
  producer.await_delivered();
}

void work(bool is_first) {
  kafka::Producer producer(servers);
  kafka::Consumer consumer(servers, tasks + "-after");
  consumer.read_from_committed(tasks, 0);
  while (const auto record = consumer.next()) {
    if (record->value == "end") break;
    if (!consumer.commit(tasks, record->place)) return;
    ipc::say("Processing task {} for ada (partition 0, offset {}), try 1",
             record->value, record->place.offset);
    if (is_first && record->value == "1") ::raise(SIGKILL);
    producer.send(results, "after", record->value);
    producer.await_delivered();
  }
}

void collect() {
  for (const kafka::Record& record : kafka::read_all(servers, results)) {
    ipc::say("Task {} is done by a worker of '{}'", record.value, record.key);
  }
}

std::string lesson() {
  tasks = ipc::unique_name("tasks");
  results = ipc::unique_name("results");
  Cluster cluster = start_cluster({{tasks, 1}, {results, 1}});
  servers = cluster.servers;
  bool passed = Process("Generator", generate).join() == 0;
  Process first("After 0", [] { work(true); });
  ipc::say("After 0 was {}", ipc::describe_status(first.join()));
  passed = Process("After 1", [] { work(false); }).join() == 0 && passed;
  passed = Process("Collector", collect).join() == 0 && passed;
  cluster.process.terminate();
  return cluster.process.join() == 0 && passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("commit_before_work",
               "Two groups of workers read one log of tasks.");
  return lab.run(argc, argv, lesson);
}
