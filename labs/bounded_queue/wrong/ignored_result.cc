// Wrong: the program ignores the result of try_put.
//
// The queue has room for three. The fourth item is refused, the program says
// that it was added, and it is gone.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

// Returns how many it has added.
int add(ipc::Queue& queue, int count) {
  int added = 0;
  for (int i = 0; i < count; ++i) {
    const std::string item = "Item " + std::to_string(i);
    (void)queue.try_put(item);  // The result is dropped.
    ipc::point("has put");
    ipc::say("Added {}", item);
    ++added;
  }
  return added;
}

// What the explorer plays in every order: room for one, and a consumer that
// takes one of two.
std::string room_for_one(ipc::Schedule& schedule) {
  ipc::Queue queue(1);
  const ipc::Shared<std::atomic<int>> added(0);
  const ipc::Shared<std::atomic<int>> got(0);
  schedule.add("Producer", [&] { *added = add(queue, 2); });
  schedule.add("Consumer", [&] {
    if (queue.get()) ++*got;
  });
  schedule.run();
  return std::to_string(*added - static_cast<int>(queue.size()) - *got) +
         " of " + std::to_string(*added) + " items lost";
}

std::string lesson() {
  ipc::Queue queue(3);
  (void)add(queue, 4);
  while (const auto item = queue.try_get()) ipc::say("Got: {}", *item);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_result", "Four items for a queue of three.");
  lab.explores("room for one", room_for_one, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
