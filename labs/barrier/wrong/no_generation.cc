// Wrong: a counter and an event make a barrier that works once.
//
// Who comes last sets the event, and nothing says for which round. In round 2
// it still is set, so nobody waits, and a fast party laps the others.

#include <atomic>
#include <string>

#include "common/event.h"
#include "common/lab.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/shared.h"

namespace {

constexpr int kWorkers = 2;
constexpr int kRounds = 3;

struct HomeMadeBarrier {
  std::atomic<int> arrived{0};
  ipc::Event all_here;

  void wait() {
    if (++arrived == kWorkers) {
      arrived = 0;
      all_here.set();
    }
    all_here.wait();
  }
};

void work(HomeMadeBarrier& barrier) {
  for (int round = 1; round <= kRounds; ++round) {
    ipc::say("Begins round {}", round);
    ipc::point("in round");
    ipc::say("Ends round {}", round);
    barrier.wait();
  }
}

std::string lesson() {
  const ipc::Shared<HomeMadeBarrier> barrier;
  ipc::Schedule schedule(true);
  schedule.add("Worker 0", [&] { work(*barrier); });
  schedule.add("Worker 1", [&] { work(*barrier); });
  return schedule.play("ABABAABB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_generation", "A barrier that does not know the round.");
  return lab.run(argc, argv, lesson);
}
