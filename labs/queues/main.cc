// queues: three producers, one consumer, and how it learns that all have ended.
//
//   Producer 0 --items, done--+
//   Producer 1 --items, done--+--> queue --> Consumer
//   Producer 2 --items, done--+      ^
//                                 Main closes it when no producer is left
//
// Watch for: the items of one producer arrive in its order, those of several in
// no certain one. In act 2 a producer is killed, and an item of another reads
// like an end; neither misleads the consumer.
// Try: delete the line marked [close] and run again; Ctrl-C ends the wait.

#include <signal.h>

#include <string>
#include <vector>

#include "common/lab.h"
#include "common/process.h"
#include "common/queue.h"
#include "common/report.h"

namespace {

using ipc::Process;
using ipc::Queue;

int producer_count = 3;

struct Task {
  std::string name;  // Of the producer's items.
  int item_count;
  bool dies = false;
};

// The kind of a message has a byte of its own: no item's text makes it an end.
constexpr char kItem = 'i';
constexpr char kDone = 'd';

std::string message(char kind, unsigned producer, const std::string& text) {
  return std::string{kind, static_cast<char>(producer)} + text;  // [message]
}

void produce(Queue& queue, unsigned id, const Task& task) {
  std::mt19937 random = ipc::random_source(id + 1);
  for (int i = 0; i < task.item_count; ++i) {
    const std::string item = task.name + " - Item " + std::to_string(i);
    ipc::say("added: {}", item);  // Said before it can be received.
    queue.put(message(kItem, id, item));
    ipc::pause_s(ipc::random_unit(random));
  }
  if (task.dies) ::raise(SIGKILL);
  ipc::say("finished");
  queue.put(message(kDone, id, ""));  // [done]
}

void consume(Queue& queue, size_t count) {
  std::mt19937 random = ipc::random_source(0);
  std::vector<bool> done(count);
  while (const auto item = queue.get()) {  // [get]
    if (item->at(0) == kDone) {
      const auto producer = static_cast<unsigned char>(item->at(1));
      ipc::say("Producer {} is done", producer);
      done.at(producer) = true;
    } else {
      ipc::say("Got {}", item->substr(2));
      ipc::pause_s(2 * ipc::random_unit(random));
    }
  }
  for (size_t id = 0; id < count; ++id) {
    if (!done[id]) ipc::say("Producer {} has ended and was not done", id);
  }
  ipc::say("All producers are done, exiting");
}

// Plays one act: whether all went as its tasks say.
bool play(const std::vector<Task>& tasks) {
  Queue queue(100);  // Of so many; who puts one more waits for room.
  ipc::describe_object("Queue", &queue, "items");
  Process consumer("Consumer", [&] { consume(queue, tasks.size()); });
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
  queue.close();  // [close] Nobody is left who could put anything.
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
  return lab.run(argc, argv, lesson);
}
