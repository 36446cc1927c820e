// Wrong: the worker catches its own error, says so, and ends as if all was
// well.
//
// The supervisor goes by the exit status, which is 0. It takes the failure for
// success and does not restart the worker.

#include <exception>
#include <stdexcept>
#include <string>

#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/supervise/supervisor.h"
#include "common/supervise/worker.h"

namespace {

void work(ipc::Worker& worker) {
  ipc::name_process("Process " + worker.name());
  try {
    throw std::runtime_error("simulated failure");
  } catch (const std::exception& error) {
    ipc::say("caught: {}", error.what());
    // Missing: throw;
  }
}

void supervise() {
  ipc::Supervisor supervisor;
  supervisor.add({
      .name = "unstable-worker",
      .work = work,
      .policy = ipc::RestartPolicy::transient,
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
  ipc::Lab lab("swallowed_error", "Three workers, every way to fail.");
  return lab.run(argc, argv, lesson);
}
