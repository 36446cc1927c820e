// Wrong: asks whether there is room, and then relies on the answer.
//
// Both producers ask while one place is left, and both are told that there is
// room: true, when it was said. The barrier makes sure that they ask before
// either puts. One of them then waits in a put that was never to wait.

#include <string>

#include "common/barrier.h"
#include "common/lab.h"
#include "common/process.h"
#include "common/queue.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

using ipc::Process;
using ipc::Queue;

void produce(Queue& queue, ipc::Barrier& both_have_asked) {
  const bool full = queue.full();
  ipc::say("Queue full: {}", full);
  (void)both_have_asked.wait();
  if (!full) queue.put(ipc::process_name());  // It has room: no need to wait.
}

std::string lesson() {
  Queue queue(3);
  ipc::describe_object("Queue", &queue, "items");
  for (const char* item : {"Item 0", "Item 1"}) queue.put(item);
  const ipc::Shared<ipc::Barrier> both_have_asked(2);
  Process first("Producer 0", [&] { produce(queue, *both_have_asked); });
  Process second("Producer 1", [&] { produce(queue, *both_have_asked); });
  const bool done = first.join() == 0 && second.join() == 0;
  while (const auto item = queue.try_get()) ipc::say("Got: {}", *item);
  return done ? "" : "a producer failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("check_then_put", "There was room a moment ago.");
  return lab.run(argc, argv, lesson);
}
