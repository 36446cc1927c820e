// Wrong: the setter clears the event as soon as it has set it, as if to say
// "now!". A process that waits at that moment continues. One that comes later
// waits forever.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

void announce(ipc::Event& ready) {
  ipc::say("Setting the event");
  ready.set();
  ipc::point("set");
  ready.clear();
}

void wait_for(const ipc::Event& ready) {
  ipc::say("Waiting for the event");
  ready.wait();
  ipc::say("Received the event notification");
}

// What the explorer plays in every order.
std::string announce_and_wait(ipc::Schedule& schedule) {
  const ipc::Shared<ipc::Event> ready;
  ipc::describe_object("Event", ready.get(), "ready");
  schedule.show("ready", [&] { return ready->is_set() ? "set" : "not set"; });
  schedule.add("Setter", [&] { announce(*ready); });
  schedule.add("Waiter 0", [&] { wait_for(*ready); });
  schedule.run();
  return "the waiter went on";
}

std::string lesson() {
  const ipc::Shared<ipc::Event> ready;
  ipc::describe_object("Event", ready.get(), "ready");
  ipc::Process setter("Setter", [&] { announce(*ready); });
  if (setter.join() != 0) return "the setter failed";
  ipc::Process waiter("Waiter 0", [&] { wait_for(*ready); });
  return waiter.join() == 0 ? "" : "the waiter failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("cleared_too_early",
               "One sets an event, and all that wait continue.");
  lab.explores("waiter", announce_and_wait, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
