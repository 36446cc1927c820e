// Wrong: asks whether there is room, and then relies on the answer.
//
// Both producers ask while one place is left, and both are told that there is
// room, which is true at that moment. The barrier makes sure that both ask
// before either puts. One of them then waits in a put that should never wait.

#include <functional>
#include <string>

#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"

namespace {

using ipc::Process;
using ipc::Queue;

void produce(Queue& queue, const std::function<void()>& after_asking) {
  const bool full = queue.full();
  ipc::say("Queue full: {}", full);
  after_asking();
  // It has room: no need to wait.
  if (!full) ipc::ensure(queue.put(ipc::process_name()));
}

// What the explorer plays in every order, without the barrier.
std::string one_place(ipc::Schedule& schedule) {
  Queue queue(1);
  ipc::describe_object("Queue", &queue, "items");
  for (const char* name : {"Producer 0", "Producer 1"}) {
    schedule.add(name,
                 [&] { produce(queue, [] { ipc::point("has asked"); }); });
  }
  schedule.run();
  return queue.size() == 1 ? "one has put, one has seen that it is full"
                           : "neither has put";
}

std::string lesson() {
  Queue queue(3);
  ipc::describe_object("Queue", &queue, "items");
  for (const char* item : {"Item 0", "Item 1"}) {
    ipc::ensure(queue.put(item));
    ipc::say("Added {}", item);
  }
  const ipc::Shared<ipc::Barrier> both_have_asked(2);
  const auto meet = [&] { (void)both_have_asked->wait(); };
  Process first("Producer 0", [&] { produce(queue, meet); });
  Process second("Producer 1", [&] { produce(queue, meet); });
  const bool done = first.join() == 0 && second.join() == 0;
  while (const auto item = queue.try_get()) ipc::say("Got: {}", *item);
  return done ? "" : "a producer failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("check_then_put", "Two producers and one place.");
  lab.explores("one place", one_place, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
