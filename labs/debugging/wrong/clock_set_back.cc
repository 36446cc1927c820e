// Wrong: the log has the time of day, and that clock can be set.
//
// It is set back by an hour between sending and receiving. According to the
// log, the job was received an hour before it was sent.

#include <unistd.h>

#include <string>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

// Stands for CLOCK_REALTIME, which only root could set, for all.
struct WallClock {
  int64_t start_ns = ipc::now_ns();
  int64_t set_by_ns = 0;
};

double read_s(const WallClock& clock) {
  const int64_t ns = ipc::now_ns() - clock.start_ns + clock.set_by_ns;
  return static_cast<double>(ns) / 1e9;
}

std::string lesson() {
  const ipc::Shared<WallClock> clock;
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process worker("Worker", [&] {
    ends.first.close();
    const auto job = ends.second.receive();
    ipc::say("{:.6f} s, pid {}: began job {}", read_s(*clock), ::getpid(),
             *job);
    ipc::ensure(ends.second.send(*job));
  });
  ends.second.close();
  ipc::say("{:.6f} s, pid {}: sent job 1", read_s(*clock), ::getpid());
  clock->set_by_ns = int64_t{-3600} * 1'000'000'000;
  ipc::ensure(ends.first.send("1"));
  (void)ends.first.receive();
  return worker.join() == 0 ? "" : "the worker failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("clock_set_back", "What processes do, seen from outside.");
  return lab.run(argc, argv, lesson);
}
