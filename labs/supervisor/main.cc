// supervisor: three workers, every way to fail, and who notices.
//
//   Main --fork--> Supervisor --fork--> stable-worker    works and is done
//                             --fork--> unstable-worker  fails in every life
//                             --fork--> medium-worker    fails once, serves
//
// Watch for: an exception, a crash and a hang, each noticed in its own way, and
// the limit that ends the restarts of a worker that fails again and again.
// Try: delete the line [beat] in workers.cc and run again.

#include <algorithm>
#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/supervise/supervisor.h"
#include "workers.h"

namespace {

using ipc::Notice;
using ipc::Worker;
using ipc::WorkerState;

int restart_count = 3;
double heartbeat_s = 1;

void add(ipc::Supervisor& supervisor, const std::string& name,
         void (*role)(Worker&)) {
  const auto work = [=](Worker& worker) {
    ipc::name_process("Process " + name);
    ipc::say("Started, life {}", worker.life());
    role(worker);
  };
  const double silence_s =  // More than a step, whatever the pace is.
      std::max(heartbeat_s * ipc::time_scale(), 5 * ipc::paced_s(kStepS));
  supervisor.add({
      .name = name,
      .work = work,
      .policy = ipc::RestartPolicy::transient,  // [spec]
      .heartbeat_s = silence_s,
      .restarts = {.count_max = restart_count, .window_s = 600},
  });
}

void expect(const ipc::Supervisor& supervisor, const char* name,
            WorkerState expected) {
  const ipc::WorkerStatus status = supervisor.status(name);
  ipc::say("{}: {} in life {}; last exit: {}", name, describe(status.state),
           status.life, status.last_exit);
  if (status.state != expected) throw std::runtime_error("a wrong state");
}

void supervise() {
  ipc::say("Starting up");
  ipc::Supervisor supervisor;
  add(supervisor, "stable-worker", be_stable);
  add(supervisor, "unstable-worker", be_unstable);
  add(supervisor, "medium-worker", serve);
  int busy = 3;
  while (const auto notice = supervisor.next()) {  // [loop]
    ipc::say("{}: {}", notice->worker, notice->text);
    if (notice->text == "ready") {
      ipc::say("Sending command 'progress' to life {}", notice->life);
      const bool sent = supervisor.command(notice->worker, "progress");
      if (!sent) ipc::say("It takes no more commands");
    }
    const bool settled = notice->kind == Notice::Kind::completed ||
                         notice->kind == Notice::Kind::gave_up;
    if ((settled || notice->text == "done: progress") && --busy == 0) {
      ipc::say("Stopping all processes");
      supervisor.stop_all();  // [stop]
    }
  }
  expect(supervisor, "stable-worker", WorkerState::completed);
  expect(supervisor, "unstable-worker", WorkerState::failed);
  expect(supervisor, "medium-worker", WorkerState::stopped);
  ipc::say("Shutdown complete");
}

std::string lesson() {
  const int status = ipc::Process("Supervisor", supervise).join();
  return status == 0 ? "" : "Supervisor: " + ipc::describe_status(status);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("supervisor", "Three workers, every way to fail.");
  lab.option("--iterations", iteration_count, 1, 1000, "of stable-worker");
  lab.option("--restarts", restart_count, 1, 5, "of one worker, at most");
  lab.option("--heartbeat", heartbeat_s, 0.2, 5, "seconds of silence allowed");
  return lab.run(argc, argv, lesson);
}
