// broker: the tasks of task_distribution, handed out by RabbitMQ.
//
//   Generator --> ( tasks ) --> Worker 0, 1, ... --> ( results ) --> Collector
//                     `--- given out three times --> ( dead ) ----------^
//
// Watch for: there is no board, and no process puts a task back. The broker
// keeps each task until it is acknowledged, and notices a closed connection.
// Try: in roles.cc, acknowledge before the result, and die in between.

#include <unistd.h>

#include <string>

#include "channel.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "crew.h"
#include "roles.h"
#include "server.h"

namespace {

using ipc::Process;

int worker_count = 2;
int port_to_serve = 0;
double wait_s = 0;
constexpr useconds_t kLookAgainUs = 5'000;
std::string url;

std::string play(const std::string& broker_url) {
  const Queues queues = {broker_url, ipc::unique_name("tasks"),
                         ipc::unique_name("results"), ipc::unique_name("dead")};
  Channel channel(broker_url);
  ipc::say("{} answers", channel.broker());
  channel.declare(queues.results);
  channel.declare(queues.dead);
  channel.declare(queues.tasks, kDeliveryLimit, queues.dead);  // [declare]

  const ipc::Shared<Counters> counters;
  const ipc::Pipe complete = ipc::make_pipe();
  Process collector("Collector",
                    [&] { collect(queues, *counters, complete.writer); });
  ipc::say("Creating {} worker processes", worker_count);
  Crew crew(queues, *counters, worker_count);
  while (crew.await_end(complete.reader.get())) {
  }
  while (!crew.settled(channel)) {
    // What was read from the pipe is still there: this does not wait.
    while (crew.await_end(complete.reader.get())) {
    }
    ::usleep(kLookAgainUs);  // The broker does not report deaths.
  }
  channel.remove(queues.tasks);  // [close]
  while (!crew.empty()) crew.await_end();
  channel.publish(queues.results, "");  // [last]
  if (collector.join() != 0) return "the collector failed";
  channel.remove(queues.results);
  channel.remove(queues.dead);
  ipc::say("All done!");
  return "";
}

std::string lesson() {
  if (!url.empty()) {
    await_broker(url, wait_s);
    return play(url);
  }
  ipc::say("Starting a RabbitMQ of its own, which takes some seconds");
  OwnBroker broker(port_to_serve);
  if (port_to_serve == 0) return play(broker.url());
  ipc::say("It answers at {} until Ctrl-C", broker.url());
  broker.join();
  return "the broker has ended";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("broker", "Workers share the tasks of a message broker.");
  lab.option("--tasks", task_count, 1, 1000, "tasks to do");
  lab.option("--workers", worker_count, 1, 100, "workers at a time");
  lab.option("--prefetch", prefetch_count, 1, 100,
             "tasks a worker may hold at once");
  lab.option("--url", url, "a broker, as amqp://user:password@host:port");
  lab.option("--wait", wait_s, 0, 600, "seconds to wait for that broker");
  lab.option("--serve", port_to_serve, 1, 65535, "only start one on this port");
  return lab.run(argc, argv, lesson, 600);
}
