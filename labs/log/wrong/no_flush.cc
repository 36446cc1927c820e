// Wrong: the producer ends without waiting until its records are delivered.
//
// Sending puts a record into a queue of the library, whose thread sends it
// later, together with others: "linger.ms" says how long it may wait for some.
// What is in that queue when the process ends was never sent, and no call has
// failed.

#include <cstdint>
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
  kafka::Producer producer(servers, {{"linger.ms", "500"}});
  for (int task = 0; task < kTaskCount; ++task) {
    ipc::say("Sending task {} for ada", task);
    producer.send(tasks, "ada", std::to_string(task));
  }
}

void work() {
  kafka::Producer producer(servers);
  kafka::Consumer consumer(servers, tasks + "-after");
  const int64_t count = consumer.end_offset(tasks, 0);
  ipc::say("There are {} records", count);
  consumer.read_from_committed(tasks, 0);
  for (int64_t offset = 0; offset < count; ++offset) {
    const auto record = consumer.next();
    ipc::say("Processing task {} for ada (partition 0, offset {}), try 1",
             record->value, offset);
    producer.send(results, "after", record->value);
  }
  producer.await_delivered();
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
  passed = Process("After 0", work).join() == 0 && passed;
  passed = Process("Collector", collect).join() == 0 && passed;
  cluster.process.terminate();
  return cluster.process.join() == 0 && passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_flush", "Two groups of workers read one log of tasks.");
  return lab.run(argc, argv, lesson);
}
