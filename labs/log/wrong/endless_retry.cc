// Wrong: a task that cannot be done is tried again without a limit.
//
// A group has one position in a partition, so no worker gets past this task.
// Nor does a worker die that could be replaced: this one is busy, answers the
// cluster as it should, and gets nowhere.

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

// Task 1 can never be done.
bool do_work(const std::string& task) {
  ipc::pause_s(0.1);
  return task != "1";
}

// What has become of a task.
void report(kafka::Producer& producer, const std::string& task, bool is_done) {
  const char* const end = is_done ? "done by a worker of" : "dead in";
  producer.send(results, "after", "Task " + task + " is " + end);
  producer.await_delivered();
}

void work() {
  kafka::Producer producer(servers);
  kafka::Consumer consumer(servers, tasks + "-after");
  consumer.read_from_committed(tasks, 0);
  while (const auto record = consumer.next()) {
    if (record->value == "end") break;
    int number = 0;
    do {
      ipc::say("Processing task {} for ada (partition 0, offset {}), try {}",
               record->value, record->place.offset, ++number);
    } while (!do_work(record->value));
    report(producer, record->value, true);
    if (!consumer.commit(tasks, record->place)) return;
  }
}

void collect() {
  for (const kafka::Record& record : kafka::read_all(servers, results)) {
    ipc::say("{} '{}'", record.value, record.key);
  }
}

std::string lesson() {
  tasks = ipc::unique_name("tasks");
  results = ipc::unique_name("results");
  Cluster cluster = start_cluster({{tasks, 1}, {results, 1}});
  servers = cluster.servers;
  bool passed = Process("Generator", generate).join() == 0;
  passed = Process("After 0", work).join() == 0 && passed;
  passed = Process("Collector", collect).join() == 0 && passed;
  cluster.process.terminate();
  return cluster.process.join() == 0 && passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("endless_retry", "Two groups of workers read one log of tasks.");
  return lab.run(argc, argv, lesson);
}
