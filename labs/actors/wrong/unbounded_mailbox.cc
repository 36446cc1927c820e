// Wrong: the mailbox has room for more than is ever sent. No sender is refused
// or has to wait, so one that is too fast never learns of it.

#include <string>

#include "common/base/clock.h"
#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/actors/actor.h"

namespace {

constexpr int kRoom = 3;  // What it should be.
constexpr int kPages = 500;

ipc::Deadline patience() {
  return ipc::Deadline::after(20 * ipc::time_scale());
}

std::string lesson() {
  const ipc::Shared<ipc::Event> begun;
  const ipc::Shared<ipc::Event> paper;
  ipc::ActorSystem system;
  const ipc::Actor printer = system.spawn({.name = "Printer",
                                           .make =
                                               [&] {
                                                 return [&](const auto&) {
                                                   begun->set();
                                                   paper->wait();
                                                   return "";
                                                 };
                                               },
                                           .mailbox_items = 1'000'000});
  system.start();
  (void)printer.try_send("page 0");
  begun->wait();
  for (int page = 1; page <= kPages; ++page) {
    if (printer.try_send("page") != ipc::QueueStatus::ok) break;
  }
  ipc::say("{} of {} places in the mailbox are taken", printer.waiting(),
           kRoom);
  paper->set();
  return system.stop_until(patience()) ? "" : "an actor failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("unbounded_mailbox",
               "Processes that answer one message at a time.");
  return lab.run(argc, argv, lesson);
}
