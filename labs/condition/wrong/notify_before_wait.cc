// Wrong: the consumer waits until it is notified, rather than for the item.
//
// The producer has added and notified before the consumer comes. No process was
// waiting then, and a condition does not keep a notify for later: the item is
// in the list, but the consumer waits forever for the next notify.

#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/condition.h"
#include "common/sync/lock.h"

namespace {

struct Board {
  ipc::Lock lock;
  ipc::Condition changed;
  int items = 0;
  int notified = 0;
};

void produce(Board& board) {
  ipc::Guard guard(board.lock);
  ipc::say("Added data to the list: Important data 1");
  ++board.items;
  ++board.notified;
  board.changed.notify_all();
}

void consume(Board& board) {
  ipc::Guard guard(board.lock);
  ipc::say("Waiting for data");
  const int before = board.notified;
  board.changed.wait(guard, [&] { return board.notified > before; });
  ipc::say("Got item: Important data {}", board.items--);
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  ipc::describe_object("Condition", &board->changed, "list has changed");
  schedule.show("items", [&] { return std::to_string(board->items); });
  schedule.add("Producer", [&] { produce(*board); });
  schedule.add("Consumer 0", [&] { consume(*board); });
  schedule.run();
  return "the item was taken";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::describe_object("Condition", &board->changed, "list has changed");
  // One after the other: the notify comes first.
  if (ipc::Process("Producer", [&] { produce(*board); }).join() != 0) {
    return "the producer failed";
  }
  ipc::Process consumer("Consumer 0", [&] { consume(*board); });
  return consumer.join() == 0 ? "" : "the consumer failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("notify_before_wait",
               "Consumers that wait for data in a shared list.");
  lab.explores("consumer", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
