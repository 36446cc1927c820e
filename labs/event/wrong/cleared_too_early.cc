// Wrong: the setter clears the event as soon as it has set it, as if to say
// "now!". Who waits at that moment goes on. Who comes later waits for ever.

#include <string>

#include "common/event.h"
#include "common/lab.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

std::string lesson() {
  const ipc::Shared<ipc::Event> ready;
  ipc::describe_object("Event", ready.get(), "ready");
  ipc::Process setter("Setter", [&] {
    ipc::say("Setting the event");
    ready->set();
    ready->clear();
  });
  if (setter.join() != 0) return "the setter failed";
  ipc::Process waiter("Waiter 0", [&] {
    ipc::say("Waiting for the event");
    ready->wait();
  });
  return waiter.join() == 0 ? "" : "the waiter failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("cleared_too_early", "An event that is set and cleared.");
  return lab.run(argc, argv, lesson);
}
