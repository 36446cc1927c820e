// Wrong: takes every refusal for "empty", as a bare `except:` does.
//
// The consumer gives up at the first item that does not come in time. It does
// not ask whether the queue was closed, or the producer was only slow.

#include <string>

#include "common/base/clock.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr double kLateS = 0.6;

void consume(ipc::Queue& queue) {
  while (const auto item = queue.try_get()) ipc::say("Got: {}", *item);
  ipc::say("Queue is closed, and nothing is left in it");  // Is it?
}

void produce(ipc::Queue& queue) {
  ipc::ensure(queue.put("Item 0"));
  ipc::say("Added Item 0");
}

// What the explorer plays in every order.
std::string one_item(ipc::Schedule& schedule) {
  ipc::Queue queue(3);
  schedule.add("Producer", [&] {
    produce(queue);
    queue.close();
  });
  schedule.add("Consumer", [&] { consume(queue); });
  schedule.run();
  return std::to_string(queue.size()) + " left in the queue";
}

std::string lesson() {
  ipc::Queue queue(3);
  ipc::Process consumer("Consumer", [&] { consume(queue); });
  // The producer is late; the consumer has already looked by then.
  (void)consumer.join_until(ipc::Deadline::after(kLateS));
  ipc::Process producer("Producer", [&] { produce(queue); });
  if (producer.join() != 0) return "the producer failed";
  queue.close();
  return consumer.join() == 0 ? "" : "the consumer failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("one_word_for_no", "A producer that is late.");
  lab.explores("one item", one_item, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
