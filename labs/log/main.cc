// log: two groups of workers read the same log of tasks, as in Kafka.
//
//   Generator --> ( tasks: partition 0 | 1 ) --> After 0, 1  --> ( results )
//                                           `--> Before 0, 1 --> ( dead )
//                                           `--> Collector, at the end
//
// Watch for: a worker of each group is killed, during the same task. The group
// that commits after the work does it twice; the one that commits before loses
// it.
// Try: in roles.cc, send the tasks without a key, at [key].

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "crew.h"
#include "roles.h"
#include "server.h"

namespace {

int worker_count = 2;
int partition_count = 2;
bool serves = false;
std::string url;

std::string lesson() {
  Log log{"", ipc::unique_name("log"), url.empty()};
  const ipc::Shared<Groups> groups(worker_count);
  Cluster cluster = start_cluster(
      {{log.tasks(), partition_count}, {log.results(), 1}, {log.dead(), 1}},
      url);
  log.servers = cluster.servers;
  if (serves) {
    ipc::say("The cluster answers at {} until Ctrl-C", log.servers);
    cluster.process.join();
    return "the server has ended";
  }
  Crew crew(std::move(cluster.process));
  crew.add("Collector", [&] { collect(log, *groups); });
  ipc::say("Creating {} workers in each of {} groups", worker_count,
           std::size(kGroups));
  for (const Group& group : kGroups) {
    for (int i = 0; i < worker_count; ++i) {
      Members& members = groups->of(group);
      crew.add_worker(fmt::format("{} {}", group.title, i), members, i,
                      [&, i] { work(log, group, members, i); });
    }
  }
  crew.add("Generator", [&] { generate(log, *groups); });
  crew.await("Collector");
  crew.end();
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("log", "Two groups of workers read one log of tasks.");
  lab.option("--tasks", task_count, 1, 1000, "tasks to do");
  lab.option("--workers", worker_count, 1, Members::kWorkersMax,
             "workers in each group");
  lab.option("--partitions", partition_count, 1, 16, "partitions of the log");
  lab.option("--url", url, "a Kafka cluster, as host:port; else a mock one");
  lab.option("--serve", serves, "only play a cluster");
  return lab.run(argc, argv, lesson);
}
