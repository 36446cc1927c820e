// condition: consumers wait until data are in a list, or until none will come.
//
//   Producer --add, notify---> [ list ] <--wait, take-- Consumer 0..2
//   Main ------stop, notify--> [ stop ]                 all with the lock
//
// Watch for: all consumers end, even if there is one item for three of them.
// Each waits for what it can use: an item, or the news that no more will come.
// Try: --kill, which kills the producer inside the lock.

#include <signal.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/condition/list.h"
#include "labs/condition/place.h"

namespace {

int consumer_count = 3;
int item_count = 3;
bool kill_producer = false;

std::string play(int items) {
  const ipc::Shared<Board> board(consumer_count);
  ipc::describe_object("Condition", &board->changed, "list has changed");
  std::vector<ipc::Process> consumers;
  consumers.reserve(static_cast<size_t>(consumer_count));
  for (int i = 0; i < consumer_count; ++i) {
    consumers.emplace_back("Consumer " + std::to_string(i),
                           [&] { consume(*board, ipc::Deadline::never()); });
  }
  ipc::Process producer("Producer",
                        [&] { produce(*board, items, kill_producer); });
  const int status = producer.join();
  ipc::say("The producer has ended: {}", ipc::describe_status(status));
  stop(*board);  // However it ended, no other process adds items.
  for (ipc::Process& consumer : consumers) {
    if (consumer.join() != 0) return "a consumer failed";
  }
  ipc::say("Added {}, taken {}", board->added, board->taken);
  return status == (kill_producer ? -SIGKILL : 0) ? "" : "the producer failed";
}

// What the explorer plays in every order. Main's part comes after the end of
// the producer's, so the same process plays both.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board(std::min(consumer_count, 2));
  const auto list = [&] {
    return "added " + std::to_string(board->added) + ", taken " +
           std::to_string(board->taken);
  };
  ipc::describe_object("Condition", &board->changed, "list has changed");
  schedule.show("list", list);
  for (int i = 0; i < board->consumers; ++i) {
    schedule.add("Consumer " + std::to_string(i),
                 [&] { consume(*board, ipc::Deadline::never()); });
  }
  schedule.add("Producer", [&] {
    produce(*board, std::min(item_count, 2), false);
    ipc::point("has produced");
    stop(*board);
  });
  schedule.run();
  return list();
}

std::string lesson() {
  if (kill_producer) return play(item_count);
  ipc::say("Act 1: no item is added");
  const ipc::Shared<Board> board(1);
  ipc::Process consumer("Consumer 0", [&] {
    consume(*board, ipc::Deadline::after(ipc::paced_s(1)));
  });
  if (consumer.join() != 0) return "the consumer of act 1 failed";
  ipc::say("Act 2: {} items for {} consumers", item_count, consumer_count);
  if (auto problem = play(item_count); !problem.empty()) return problem;
  ipc::say("Act 3: one item for {} consumers", consumer_count);
  if (auto problem = play(1); !problem.empty()) return problem;
  ipc::say("Act 4: one condition for two things, and all are woken");
  if (auto problem = play_place(false); !problem.empty()) return problem;
  ipc::say("Act 5: a condition for each thing, and one is woken");
  return play_place(true);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("condition", "Consumers that wait for data in a shared list.");
  lab.option("--consumers", consumer_count, 1, 20, "how many wait");
  lab.option("--items", item_count, 1, kItemsMax, "items of act 2");
  lab.option("--kill", kill_producer, "kill the producer inside the lock");
  lab.explores("consumers", explore, {.memory_only = true});
  lab.explores("all",
               [](auto& schedule) { return explore_place(schedule, false); },
               {.memory_only = true});
  lab.explores("one",
               [](auto& schedule) { return explore_place(schedule, true); },
               {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
