// Wrong: the supervisor looks only whether the process of a worker is there.
//
// It is there, and stands still. A process that hangs does not end, so the
// supervisor learns nothing, and "running" is all that it knows: forever.

#include <unistd.h>

#include <string>

#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/supervise/supervisor.h"
#include "common/supervise/worker.h"

namespace {

void hang(ipc::Worker& worker) {
  ipc::name_process("Process " + worker.name());
  ipc::say("Simulating hang");
  while (true) ::pause();
}

void supervise() {
  ipc::Supervisor supervisor;
  supervisor.add({
      .name = "unstable-worker",
      .work = hang,
      // Missing: .heartbeat_s = 1
      .restarts = {.count_max = 1, .window_s = 600},
  });
  while (const auto notice = supervisor.next()) {
    ipc::say("{}: {}", notice->worker, notice->text);
  }
}

std::string lesson() {
  const int status = ipc::Process("Supervisor", supervise).join();
  return status == 0 ? "" : "Supervisor: " + ipc::describe_status(status);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_heartbeat", "Three workers, every way to fail.");
  return lab.run(argc, argv, lesson);
}
