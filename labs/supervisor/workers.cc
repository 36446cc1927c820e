#include "labs/supervisor/workers.h"

#include <stdlib.h>
#include <unistd.h>

#include <stdexcept>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

constexpr int kStepsToFailure = 5;

void work(ipc::Worker& worker, int steps) {
  for (int step = 1; step <= steps; ++step) {
    worker.beat();         // [beat]
    ipc::pause_s(kStepS);  // The work.
    if (step % 10 == 0) worker.report(fmt::format("{} iterations", step));
  }
}

}  // namespace

int iteration_count = 30;

void be_stable(ipc::Worker& worker) {
  work(worker, iteration_count);
  ipc::say("Completed work cycle with {} iterations", iteration_count);
}

void be_unstable(ipc::Worker& worker) {
  work(worker, kStepsToFailure);
  const int fault = worker.life() % 3;
  if (fault == 1) throw std::runtime_error("simulated failure");  // [throw]
  if (fault == 2) {
    ipc::say("Simulating crash");
    ::abort();
  }
  ipc::say("Simulating hang");
  while (true) ::pause();  // [hang]
}

void serve(ipc::Worker& worker) {
  worker.report("ready");
  while (const auto command =  // [serve]
         worker.next_command_until(ipc::Deadline::never())) {
    ipc::say("Received command '{}' in life {}", *command, worker.life());
    if (worker.life() == 1) ::abort();  // The command dies with us.
    worker.report("done: " + *command);
  }
  ipc::say("Received the request to stop");
}
