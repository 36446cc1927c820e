// Wrong: an init that waits for its program, but for no other process.
//
// What the program leaves behind becomes a child of process 1, and when it ends
// it stays a zombie until process 1 waits for it. Here process 1 does not. Each
// zombie keeps its number and its entry in the process table, which are
// limited.

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
  ipc::Lab lab("no_reaping", "Two containers, and the IPC that works across.");
  return lab.run(argc, argv, lesson);
}
