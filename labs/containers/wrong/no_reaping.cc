// Wrong: an init that waits for its program, and for nobody else.
//
// What the program leaves behind becomes a child of process 1, and when it ends
// a zombie, until somebody waits for it. Here nobody does. Each of them keeps
// its number and its entry in the table of processes, and these are limited.

#include <signal.h>

#include <string>

#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/containers/container.h"
#include "labs/containers/init.h"

namespace {

std::string lesson() {
  Container container({.name = "Init"}, [] {
    ipc::Process app("App", leave_orphan);
    const int status = app.join();  // Missing: waitpid() for the others.
    ipc::say("App has ended, zombies left: {}", count_zombies());
    return status;
  });
  return container.join() == 0 ? "" : "the container has failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_reaping", "Wrong: a zombie is left.");
  return lab.run(argc, argv, lesson);
}
