// Wrong: a consumer that was woken does not look again.
//
// Two consumers wait, one item is added, and both are woken. The second takes
// an item that is not there.

#include <array>
#include <string>
#include <utility>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/condition.h"
#include "common/sync/lock.h"

namespace {

constexpr int kConsumers = 2;

struct Board {
  ipc::Lock lock;
  ipc::Condition waits;    // For the producer.
  ipc::Condition changed;  // For the consumers.
  std::array<int, 10> items{};
  size_t added = 0;
  size_t taken = 0;
  int waiting = 0;
  bool closed = false;  // No more will be added.
};

void consume(Board& board) {
  ipc::Guard guard(board.lock);
  ipc::say("Waiting for data");
  ++board.waiting;
  board.waits.notify_all();
  if (board.added == board.taken) {
    // One sleep, whatever ends it, like a single call of pthread_cond_wait(3).
    bool slept = false;
    board.changed.wait(guard, [&] { return std::exchange(slept, true); });
  }
  ipc::say("Got item: Important data {}", board.items[board.taken++]);
}

void produce(Board& board) {
  ipc::Guard guard(board.lock);
  board.waits.wait(guard, [&] { return board.waiting == kConsumers; });
  board.items[board.added++] = 1;
  board.closed = true;
  ipc::say("Added data to the list: Important data 1");
  board.changed.notify_all();
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  const auto list = [&] {
    return "added " + std::to_string(board->added) + ", taken " +
           std::to_string(board->taken);
  };
  schedule.show("list", list);
  schedule.always([&] { return board->taken > board->added ? list() : ""; });
  schedule.add("Consumer 0", [&] { consume(*board); });
  schedule.add("Consumer 1", [&] { consume(*board); });
  schedule.add("Producer", [&] { produce(*board); });
  schedule.run();
  return list();
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Process consumer_0("Consumer 0", [&] { consume(*board); });
  ipc::Process consumer_1("Consumer 1", [&] { consume(*board); });
  ipc::Process producer("Producer", [&] { produce(*board); });
  if (producer.join() != 0) return "the producer failed";
  if (consumer_0.join() != 0) return "consumer 0 failed";
  return consumer_1.join() == 0 ? "" : "consumer 1 failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("if_for_while",
               "Consumers that wait for data in a shared list.");
  lab.explores("consumers", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
