// Wrong: the tasks of a customer are sent without a key.
//
// Then the producer puts each where it likes, which spreads the load well. But
// each partition has a worker of its own, and between two partitions there is
// no order: what the customer wants last may be done first.

#include <optional>
#include <string>

#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/log/kafka.h"
#include "labs/log/server.h"

namespace {

using ipc::Process;

constexpr int kTaskCount = 40;
std::string servers;
std::string tasks;
std::string results;

void generate() {
  // Or tasks that are sent within 10 ms would be together by chance.
  kafka::Producer producer(servers, {{"sticky.partitioning.linger.ms", "0"}});
  for (int task = 0; task < kTaskCount; ++task) {
    ipc::say("Sending task {} for ada", task);
    producer.send(tasks, std::nullopt, std::to_string(task));
  }
  producer.await_delivered();
  for (const int partition : {0, 1}) {
    producer.send_to(partition, tasks, std::nullopt, "end");
  }
  producer.await_delivered();
}

void work(int partition) {
  kafka::Producer producer(servers);
  kafka::Consumer consumer(servers, tasks + "-after");
  consumer.read_from_committed(tasks, partition);
  while (const auto record = consumer.next()) {
    if (record->value == "end") break;
    ipc::say("Processing task {} for ada (partition {}, offset {}), try 1",
             record->value, partition, record->place.offset);
    producer.send(results, "after", record->value);
    producer.await_delivered();
    if (!consumer.commit(tasks, record->place)) return;
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
  Cluster cluster = start_cluster({{tasks, 2}, {results, 1}});
  servers = cluster.servers;
  bool passed = Process("Generator", generate).join() == 0;
  Process first("After 0", [] { work(0); });
  Process second("After 1", [] { work(1); });
  passed = first.join() == 0 && second.join() == 0 && passed;
  passed = Process("Collector", collect).join() == 0 && passed;
  cluster.process.terminate();
  return cluster.process.join() == 0 && passed ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_key", "Two groups of workers read one log of tasks.");
  return lab.run(argc, argv, lesson);
}
