// queues: three producers, one consumer, and how it learns that all have ended.
//
//   Producer 0 --items, done--+
//   Producer 1 --items, done--+--> queue --> Consumer
//   Producer 2 --items, done--+      ^
//                                 Main closes it when no producer is left
//
// Watch for: the items of one producer arrive in its order, those of several in
// any order. In act 2 a producer is killed, and an item of another reads
// like an end; neither misleads the consumer.
// Try: delete the line marked [close] and run again; Ctrl-C ends the wait.

#include <signal.h>

#include <atomic>
#include <string>
#include <vector>

#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/queues/actors.h"

namespace {

using ipc::Process;
using ipc::Queue;

int producer_count = 3;

// What the explorer plays in every order: two producers, of which the first has
// `item_count` items and the second has one. The outcome is what the consumer
// has got from each of them.
ipc::Scenario two_producers(int item_count) {
  return [item_count](ipc::Schedule& schedule) {
    Queue queue(100);
    Queue got(1);
    const ipc::Shared<std::atomic<unsigned>> at_work(2);
    ipc::describe_object("Queue", &queue, "items");
    schedule.show("items in the queue",
                  [&] { return std::to_string(queue.size()); });
    for (unsigned id = 0; id < 2; ++id) {
      const std::string name = "Producer " + std::to_string(id);
      schedule.add(name, [&, id, name] {
        produce(queue, id, {name, id == 0 ? item_count : 1});
        if (--*at_work == 0) queue.close();  // Main would.
      });
    }
    schedule.add("Consumer", [&] { ipc::ensure(got.put(consume(queue, 2))); });
    schedule.run();
    return by_producer(*got.get());
  };
}

// Plays one act: whether all went as its tasks say.
bool play(const std::vector<Task>& tasks) {
  Queue queue(100);  // Room for 100 items; one more has to wait.
  ipc::describe_object("Queue", &queue, "items");
  Process consumer("Consumer", [&] { (void)consume(queue, tasks.size()); });
  std::vector<Process> producers;
  for (unsigned id = 0; id < tasks.size(); ++id) {
    producers.emplace_back("Producer " + std::to_string(id),
                           [&, id] { produce(queue, id, tasks[id]); });
  }
  bool as_told = true;
  for (unsigned id = 0; id < tasks.size(); ++id) {
    const int status = producers[id].join();
    as_told = as_told && status == (tasks[id].dies ? -SIGKILL : 0);
    if (status == 0) continue;
    ipc::say("Producer {} was {}", id, ipc::describe_status(status));
  }
  queue.close();  // [close] No producer is left.
  return consumer.join() == 0 && as_told;
}

std::string lesson() {
  ipc::say("Act 1: every producer says that it is done");
  std::mt19937 random = ipc::random_source(1000);
  std::vector<Task> tasks(static_cast<size_t>(producer_count));
  for (size_t id = 0; id < tasks.size(); ++id) {
    const int count = ipc::random_int(random, 3, 7);
    tasks[id] = {"Producer " + std::to_string(id), count};
  }
  if (!play(tasks)) return "a process failed in act 1";

  ipc::say("Act 2: a producer is killed, and an item reads like an end");
  tasks = {{"DONE-1", 2}, {"Producer 1", 2, true}, {"Producer 2", 2}};
  if (!play(tasks)) return "a process failed in act 2";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("queues", "Several producers and a consumer share a queue.");
  lab.option("--producers", producer_count, 1, 100, "producers in act 1");
  lab.explores("producers", two_producers(2), {.memory_only = true});
  lab.explores("one item each", two_producers(1), {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
