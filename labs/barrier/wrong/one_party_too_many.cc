// Wrong: the barrier is for three parties, and only two ever come.
//
// The author counted Main, too. A barrier waits for a number of parties, not
// for certain processes: it cannot know that no process is left to come.

#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"

namespace {

void work(ipc::Barrier& barrier) {
  ipc::say("Begins round 1");
  ipc::say("Ends round 1");
  if (barrier.wait()) ipc::say("Begins round 2");
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<ipc::Barrier> barrier(3);
  ipc::describe_object("Barrier", barrier.get(), "end of round");
  schedule.show("waiting",
                [&] { return std::to_string(barrier->n_waiting()); });
  schedule.add("Worker 0", [&] { work(*barrier); });
  schedule.add("Worker 1", [&] { work(*barrier); });
  schedule.run();
  return "both went on";
}

std::string lesson() {
  const ipc::Shared<ipc::Barrier> barrier(3);
  ipc::describe_object("Barrier", barrier.get(), "end of round");
  ipc::Process worker_0("Worker 0", [&] { work(*barrier); });
  ipc::Process worker_1("Worker 1", [&] { work(*barrier); });
  return worker_0.join() == 0 && worker_1.join() == 0 ? "" : "a worker failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("one_party_too_many",
               "Workers that meet at the end of each round.");
  lab.explores("round", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
