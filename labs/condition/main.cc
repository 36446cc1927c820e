// condition: consumers wait until data are in a list, or until none will come.
//
//   Producer --lock, add, notify--> [ list ] <--lock, wait, take-- Consumer
//   0..2 Main -----lock, stop, notify--> [ stop ]
//
// Watch for: all consumers end, also if there is one item for three of them.
// Each waits for what it can use: an item, or word that no more will come.
// Try: --kill, which kills the producer inside the lock.

#include <signal.h>

#include <array>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/condition.h"
#include "common/lab.h"
#include "common/lock.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

constexpr size_t kItemsMax = 100;
int consumer_count = 3;
int item_count = 3;
bool kill_producer = false;

struct Board {
  ipc::Lock lock;
  ipc::Condition changed;  // Notified after each change of what is below.
  std::array<int, kItemsMax> items{};
  size_t added = 0;  // The list is what has been added and not yet taken.
  size_t taken = 0;
  int waiting = 0;
  bool stopped = false;
};

void consume(Board& board, ipc::Deadline deadline) {
  ipc::Guard guard(board.lock);
  ipc::say("Waiting for data");
  ++board.waiting;
  board.changed.notify_all();
  auto usable = [&] { return board.taken < board.added || board.stopped; };
  if (!board.changed.wait_until(guard, deadline, usable)) {  // [wait]
    ipc::say("No data in time");
  } else if (board.added > board.taken) {
    ipc::say("Got item: Important data {}", board.items[board.taken++]);
  } else {
    ipc::say("Told to stop: no data will come");
  }
}

void produce(Board& board, int items) {
  ipc::Guard guard(board.lock);
  board.changed.wait(guard, [&] { return board.waiting == consumer_count; });
  for (int item = 1; item <= items; ++item) {
    board.items[board.added] = item;
    if (kill_producer) ::raise(SIGKILL);
    ipc::say("Added data to the list: Important data {}", item);
    ++board.added;  // [publish] One store, and the item is in the list.
  }
  board.changed.notify_all();  // [notify]
}

void stop(Board& board) {
  ipc::Guard guard(board.lock);
  if (guard.owner_died()) {  // [died]
    ipc::say("The list is as it was: {} items", board.added - board.taken);
    guard.repaired();
  }
  board.stopped = true;  // [stop]
  board.changed.notify_all();
}

std::string play(int items) {
  const ipc::Shared<Board> board;
  ipc::describe_object("Condition", &board->changed, "list has changed");
  std::vector<ipc::Process> consumers;
  consumers.reserve(static_cast<size_t>(consumer_count));
  for (int i = 0; i < consumer_count; ++i) {
    consumers.emplace_back("Consumer " + std::to_string(i),
                           [&] { consume(*board, ipc::Deadline::never()); });
  }
  ipc::Process producer("Producer", [&] { produce(*board, items); });
  const int status = producer.join();
  ipc::say("The producer has ended: {}", ipc::describe_status(status));
  stop(*board);  // However it ended, nobody else adds anything.
  for (ipc::Process& consumer : consumers) {
    if (consumer.join() != 0) return "a consumer failed";
  }
  ipc::say("Added {}, taken {}", board->added, board->taken);
  return status == (kill_producer ? -SIGKILL : 0) ? "" : "the producer failed";
}

std::string lesson() {
  if (kill_producer) return play(item_count);
  ipc::say("Act 1: nobody adds anything");
  const ipc::Shared<Board> board;
  ipc::Process consumer("Consumer 0", [&] {
    consume(*board, ipc::Deadline::after(ipc::paced_s(1)));
  });
  if (consumer.join() != 0) return "the consumer of act 1 failed";
  ipc::say("Act 2: {} items for {} consumers", item_count, consumer_count);
  if (auto problem = play(item_count); !problem.empty()) return problem;
  ipc::say("Act 3: one item for {} consumers", consumer_count);
  return play(1);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("condition", "Consumers that wait for data in a shared list.");
  lab.option("--consumers", consumer_count, 1, 20, "how many wait");
  lab.option("--items", item_count, 1, kItemsMax, "items of act 2");
  lab.option("--kill", kill_producer, "kill the producer inside the lock");
  return lab.run(argc, argv, lesson);
}
