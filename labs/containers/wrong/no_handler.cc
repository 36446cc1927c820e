// Wrong: the program itself is process 1, and has no handler for SIGTERM.
//
// Everywhere else SIGTERM ends a program that does nothing about it. The kernel
// does not deliver to process 1 a signal for which it has no handler, except
// SIGKILL and SIGSTOP from outside. So each stop lasts the whole grace period,
// and the program is killed in the middle of its work.

#include <unistd.h>

#include <string>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/containers/container.h"

namespace {

constexpr double kGraceS = 0.5;

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  const auto drop = [&] { ends = {}; };
  Container service({.name = "Service", .drop = drop}, [&] {
    // Missing: run_init(), or a handler.
    ipc::ensure(ends.second.send("started"));
    while (true) ::pause();
    return 0;
  });
  (void)ends.first.receive();
  const Stopped stopped = stop(service, kGraceS * ipc::time_scale());
  ipc::say("Service: {}{}", stopped.by_force ? "grace period over, " : "",
           describe_exit(stopped.status));
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_handler", "Two containers, and the IPC that works across.");
  return lab.run(argc, argv, lesson);
}
