// Wrong: an end is an item whose text begins with "DONE-".
//
// The queue carries any text, so some day an item begins like that. Here it is
// the first item of producer 0: the consumer believes that both producers have
// ended, and leaves. What is still in the queue is lost, and all processes end
// with status 0.

#include <string>
#include <string_view>

#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

using ipc::Process;
using ipc::Queue;

constexpr std::string_view kEnd = "DONE-";

void produce(Queue& queue, int id, const std::string& first_item) {
  for (const std::string& item :
       {first_item, "Producer " + std::to_string(id) + " - Item 1"}) {
    ipc::say("added: {}", item);
    ipc::ensure(queue.put(item));
    ipc::point("has put");
  }
  ipc::say("finished");
  ipc::ensure(queue.put(std::string(kEnd) + std::to_string(id)));
}

void consume(Queue& queue, int producers) {
  while (producers > 0) {
    const auto item = queue.get();
    if (item->rfind(kEnd, 0) == 0) {
      ipc::say("Producer {} is done", item->substr(kEnd.size()));
      --producers;
    } else {
      ipc::say("Got {}", *item);
    }
  }
  ipc::say("All producers are done, exiting");
}

// What the explorer plays in every order.
std::string two_producers(ipc::Schedule& schedule) {
  Queue queue(100);
  schedule.add("Producer 0",
               [&] { produce(queue, 0, std::string(kEnd) + "1 is my item"); });
  schedule.add("Producer 1", [&] { produce(queue, 1, "Producer 1 - Item 0"); });
  schedule.add("Consumer", [&] { consume(queue, 2); });
  schedule.run();
  return std::to_string(queue.size()) + " left in the queue";
}

std::string lesson() {
  Queue queue(100);
  // One after the other, so that the items are always in this order.
  Process first("Producer 0",
                [&] { produce(queue, 0, std::string(kEnd) + "1 is my item"); });
  if (first.join() != 0) return "producer 0 failed";
  Process second("Producer 1",
                 [&] { produce(queue, 1, "Producer 1 - Item 0"); });
  if (second.join() != 0) return "producer 1 failed";
  Process consumer("Consumer", [&] { consume(queue, 2); });
  return consumer.join() == 0 ? "" : "the consumer failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("text_as_end",
               "Several producers and a consumer share a queue.");
  lab.explores("producers", two_producers, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
