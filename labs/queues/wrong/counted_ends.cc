// Wrong: the consumer counts the ends, and no process watches the producers.
//
// A producer that is killed does not say that it is done. The consumer waits
// for one more end, which no producer is left to send.

#include <signal.h>

#include <string>

#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

using ipc::Process;
using ipc::Queue;

constexpr const char* kDone = "";  // No item is empty.

void produce(Queue& queue, bool dies) {
  const std::string item = ipc::process_name() + " - Item 0";
  ipc::say("added: {}", item);
  ipc::ensure(queue.put(item));
  ipc::point("has put");
  if (dies) ::raise(SIGKILL);
  ipc::say("finished");
  ipc::ensure(queue.put(kDone));
}

void consume(Queue& queue, int ends) {
  while (ends > 0) {
    const auto item = queue.get();
    if (*item == kDone) {
      --ends;
    } else {
      ipc::say("Got {}", *item);
    }
  }
  ipc::say("All producers are done, exiting");
}

// What the explorer plays in every order, and with the death of a producer at
// each of its steps.
std::string two_producers(ipc::Schedule& schedule) {
  Queue queue(100);
  ipc::describe_object("Queue", &queue, "items");
  schedule.add("Producer 0", [&] { produce(queue, false); });
  schedule.add("Producer 1", [&] { produce(queue, false); });
  schedule.add("Consumer", [&] { consume(queue, 2); });
  schedule.run();
  return schedule.was_killed(2) ? "the consumer was killed"
                                : "the consumer has left";
}

std::string lesson() {
  Queue queue(100);
  ipc::describe_object("Queue", &queue, "items");
  Process consumer("Consumer", [&] { consume(queue, 2); });
  Process producer_0("Producer 0", [&] { produce(queue, true); });
  Process producer_1("Producer 1", [&] { produce(queue, false); });
  producer_0.join();  // It was killed, and no process is told.
  producer_1.join();
  consumer.join();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counted_ends",
               "Several producers and a consumer share a queue.");
  lab.explores("producers", two_producers, {.kills = 1, .memory_only = true});
  return lab.run(argc, argv, lesson);
}
