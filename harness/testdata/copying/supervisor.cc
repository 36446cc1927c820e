// A worker that fails in its first life is started again, and completes.
#include "common/supervise/supervisor.h"

#include <unistd.h>

#include <string>

int main() {
  ipc::Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work =
                      [](ipc::Worker& worker) {
                        if (worker.life() == 1) ::_exit(1);
                        worker.report("better");
                      },
                  .policy = ipc::RestartPolicy::transient,
                  .restarts = {.delay_s = 0.01}});
  std::string said;
  bool restarted = false;
  bool completed = false;
  while (const auto notice = supervisor.next()) {
    if (notice->kind == ipc::Notice::Kind::reported) said += notice->text;
    restarted |= notice->kind == ipc::Notice::Kind::restarting;
    completed |= notice->kind == ipc::Notice::Kind::completed;
  }
  return restarted && completed && said == "better" ? 0 : 1;
}
