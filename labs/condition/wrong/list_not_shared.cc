// Wrong: lock and condition are shared, but the list is not.
//
// The guide does this, too. After fork(2) the producer adds to a list of its
// own; the consumer is woken, looks into its own, finds nothing, and waits
// again.

#include <string>
#include <vector>

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
  int waiting = 0;
};

void consume(Board& board, std::vector<int>& list) {
  ipc::Guard guard(board.lock);
  ipc::say("Waiting for data");
  ++board.waiting;
  board.changed.notify_all();
  board.changed.wait(guard, [&] { return !list.empty(); });
  ipc::say("Got item: Important data {}", list.front());
}

void produce(Board& board, std::vector<int>& list) {
  ipc::Guard guard(board.lock);
  board.changed.wait(guard, [&] { return board.waiting == 1; });
  list.push_back(1);
  ipc::say("Added data to the list: Important data {}", list.back());
  board.changed.notify_all();
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  ipc::describe_object("Condition", &board->changed, "list has changed");
  std::vector<int> list;
  schedule.show("waiting", [&] { return std::to_string(board->waiting); });
  schedule.add("Consumer 0", [&] { consume(*board, list); });
  schedule.add("Producer", [&] { produce(*board, list); });
  schedule.run();
  return "the item was taken";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::describe_object("Condition", &board->changed, "list has changed");
  std::vector<int> list;
  ipc::Process consumer("Consumer 0", [&] { consume(*board, list); });
  ipc::Process producer("Producer", [&] { produce(*board, list); });
  if (producer.join() != 0) return "the producer failed";
  return consumer.join() == 0 ? "" : "the consumer failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("list_not_shared",
               "Consumers that wait for data in a shared list.");
  lab.explores("consumer", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
