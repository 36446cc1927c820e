// bounded_queue: a queue with room for three, and the ways in which it refuses.
//
//   act 1   Main alone fills it, is refused, and empties it
//   act 2   Producer --items--> queue of 3 --> Consumer, the slower one
//
// Watch for: each refusal says why: full, empty or closed. In act 2 no put is
// refused: a put without a deadline waits, so the producer is never more than
// three items ahead, however fast it is.
// Try: give --max-items=1, and see which process waits for the other.

#include <string>

#include "common/base/clock.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/bounded_queue/actors.h"

namespace {

using ipc::Deadline;
using ipc::Process;
using ipc::Queue;
using ipc::QueueStatus;

constexpr double kTimeoutS = 0.1;

int max_items = 3;
int item_count = 8;

Deadline soon() { return Deadline::after(ipc::paced_s(kTimeoutS)); }

// The queue's answers were true when they were given. Here no other process
// uses it, so they still are; but usually only the result of a call counts.
void say_state(const Queue& queue) {
  ipc::say("Queue empty: {}, full: {}, size: {}", queue.empty(), queue.full(),
           queue.size());
}

std::string fill_and_empty() {
  Queue queue(static_cast<uint32_t>(max_items));
  say_state(queue);
  ipc::say("Adding items until queue is full...");
  QueueStatus status = QueueStatus::ok;
  for (int i = 0; status == QueueStatus::ok; ++i) {
    const std::string item = "Item " + std::to_string(i);
    status = queue.put_until(item, soon());  // [put-until]
    if (status == QueueStatus::ok) {
      ipc::say("Added {}", item);
    } else {
      ipc::say("Couldn't add {}, queue is {}", item, describe(status));
    }
  }
  ipc::say("Not waiting: queue is {}", describe(queue.try_put("Item")));
  say_state(queue);

  ipc::say("Getting items...");
  while (const auto item = queue.get_until(soon())) {  // [get-until]
    ipc::say("Got: {}", *item);
  }
  ipc::say("Not waiting: queue is {}", describe(queue.try_get().status));
  say_state(queue);
  return status == QueueStatus::full ? "" : "the queue was never full";
}

std::string work_at_two_paces() {
  Queue queue(static_cast<uint32_t>(max_items));
  ipc::describe_object("Queue", &queue, "items");
  Process producer("Producer", [&] { produce(queue, item_count); });
  Process consumer("Consumer", [&] { (void)consume(queue); });
  const bool produced = producer.join() == 0;
  queue.close();  // [close] What is in it can still be taken.
  ipc::say("Too late to add: queue is {}", describe(queue.try_put("Item")));
  return consumer.join() == 0 && produced ? "" : "a process of act 2 failed";
}

// What the explorer plays in every order: room for one, and three items.
std::string room_for_one(ipc::Schedule& schedule) {
  Queue queue(1);
  Queue got(1);
  ipc::describe_object("Queue", &queue, "items");
  schedule.show("items in the queue",
                [&] { return std::to_string(queue.size()); });
  schedule.always([&] { return queue.size() > 1 ? "too many items" : ""; });
  schedule.add("Producer", [&] {
    produce(queue, 3);
    queue.close();
  });
  schedule.add("Consumer", [&] { ipc::ensure(got.put(consume(queue))); });
  schedule.run();
  return "got " + *got.get();
}

std::string lesson() {
  ipc::say("Act 1: nothing is taken, so the queue fills up");
  std::string problem = fill_and_empty();
  if (!problem.empty()) return problem;
  ipc::say("Act 2: the consumer is slow, so the producer waits");
  return work_at_two_paces();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("bounded_queue", "A queue with room for a few items only.");
  lab.option("--max-items", max_items, 1, 1000, "items the queue holds");
  lab.option("--items", item_count, 0, 1000, "items of act 2");
  lab.explores("room for one", room_for_one, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
