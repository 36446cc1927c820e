// containers: two of them on one machine, and which IPC crosses their borders.
//
//   Main --> Shim of Container A --> Container A, process 1  offers
//        --> Shim of Container B --> Container B, process 1  tries
//        --> Shim of Init        --> Init, process 1 --> App
//        --> runc                --> OCI init, process 1 --> OCI app
//
// Watch for: two containers reach each other only through what both have: a
// folder, or a descriptor. A name or a number means something else in each.
// Try: run with --shm=200, and with --grace=5.

#include <signal.h>

#include <atomic>
#include <fstream>
#include <string>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/containers/container.h"
#include "labs/containers/init.h"
#include "labs/containers/memory_group.h"
#include "labs/containers/ways.h"
#include "optional_acts.h"
#include "roles.h"

namespace {

using ipc::Connection;
using ipc::ConnectionPair;
using ipc::Deadline;
using ipc::ensure;

constexpr size_t kMb = 1U << 20U;
constexpr int kProbes = 3;
constexpr double kProbeS = 0.2;

int shm_mb = 64;
double grace_s = 0.5;
std::string runtime_name;

// Sends a probe. Returns the answer, or "no answer to 3 probes" if none came.
std::string ask(Connection& container, const char* question) {
  ensure(container.send(question));
  for (int i = 0; i < kProbes; ++i) {
    const auto answer =
        container.receive_until(Deadline::after(kProbeS * ipc::time_scale()));
    if (answer) return *answer;
  }
  return "no answer to " + std::to_string(kProbes) + " probes";
}

std::string meet() {
  ipc::say("Act 1: two containers, and what meets");
  const ipc::TempDir dir("shared");
  const ipc::Shared<Board> board;
  ConnectionPair ends = ipc::make_connections();
  const auto drop = [&] { ends = {}; };
  Container first({.name = "Container A", .folder = dir.path(), .drop = drop},
                  [&] {
                    ends.second.close();
                    introduce();
                    offer_all({ends.first, kSharedFolder, &*board});
                    return 0;
                  });
  Container second(
      {.name = "Container B", .folder = dir.path(), .drop = drop}, [&] {
        ends.first.close();
        introduce();
        return take_all({ends.second, kSharedFolder, &*board}) ? 0 : 1;
      });
  drop();
  if (first.join() != 0) return "container A has failed";
  return second.join() == 0 ? "" : "container B has an unexpected result";
}

std::string be_process_1() {
  ipc::say("Act 2: process 1, and SIGTERM");
  ConnectionPair ends = ipc::make_connections();
  const auto app = [&] {
    ends.first.close();
    be_app(ends.second);
  };
  const auto drop = [&] { ends = {}; };
  Container alone({.name = "App", .drop = drop}, [&] {
    app();
    return 0;
  });
  ends.second.close();
  ensure(ends.first.receive().status);
  alone.send_signal(SIGTERM);  // [ignored]
  ipc::say("SIGTERM to App. Is it there? {}", ask(ends.first, "there?"));
  alone.send_signal(SIGKILL);
  const int killed = alone.join();
  ipc::say("SIGKILL to App: {}", describe_exit(killed));

  ends = ipc::make_connections();
  Container init({.name = "Init", .drop = drop},
                 [&] { return run_init("App", app); });
  ends.second.close();
  ensure(ends.first.receive().status);
  const Stopped stopped = stop(init, grace_s * ipc::time_scale());
  ipc::say("SIGTERM to Init: {}", describe_exit(stopped.status));
  if (killed != 128 + SIGKILL) return "App was not killed";
  return stopped.status == 128 + SIGTERM ? "" : "Init has not ended by SIGTERM";
}

std::string fill_shm() {
  ipc::say("Act 3: a /dev/shm of {} MB", shm_mb);
  const size_t size = static_cast<size_t>(shm_mb) * kMb;
  const ipc::Shared<std::atomic<size_t>> written;
  // Not as process 1, which no fault ends while strace(1) or gdb(1) traces it.
  Container program({.name = "Init", .shm_bytes = size}, [&] {
    return run_init("Program", [&] { overfill_shm(2 * size, *written); });
  });
  const int status = program.join();
  ipc::say("Program wrote {} MB: {}", *written / kMb, describe_exit(status));
  return status == 128 + SIGBUS ? "" : "the limit has not ended Program";
}

// Ends a container like docker stop, or Kubernetes: asks, waits, and forces.
int end(Container& container, const std::string& name) {
  const Stopped stopped = stop(container, grace_s * ipc::time_scale());
  ipc::say("{}: {}{}", name, stopped.by_force ? "grace period over, " : "",
           describe_exit(stopped.status));
  return stopped.status;
}

std::string probe() {
  ipc::say("Act 4: probes, and a grace period");
  const ipc::TempDir dir("shared");
  ConnectionPair ends = ipc::make_connections();
  const auto service = [&] {
    ends.first.close();
    serve(ends.second);
    return 0;
  };
  const auto drop = [&] { ends = {}; };
  Container good({.name = "Service", .folder = dir.path(), .drop = drop},
                 service);
  ends.second.close();
  ipc::say("Alive? {}", ask(ends.first, "alive?"));
  ipc::say("Ready? {}", ask(ends.first, "ready?"));
  std::ofstream(dir.path() + kDatabase) << "42";
  ipc::say("Its database is there. Ready? {}", ask(ends.first, "ready?"));
  ipc::say("Work: {}", ask(ends.first, "work"));
  if (end(good, "Service") != 0) return "Service has not ended by itself";

  ends = ipc::make_connections();
  Container hung({.name = "Hung service", .folder = dir.path(), .drop = drop},
                 service);
  ends.second.close();
  ensure(ends.first.send("hang"));
  ipc::say("Alive? {}", ask(ends.first, "alive?"));
  const int status = end(hung, "Hung service");  // [force]
  return status == 128 + SIGKILL ? "" : "Hung service has ended by itself";
}

std::string problem_with_runtime(const std::string& name) {
  return name == "runc" || name == "crun" ? "" : "neither runc nor crun";
}

std::string meet_in_runtime() {
  return meet_runtime(runtime_name, shm_mb * kMb);
}

std::string lesson() {
  for (const auto act :
       {meet, be_process_1, fill_shm, probe, exhaust_memory, meet_in_runtime}) {
    std::string why_not = act();
    if (!why_not.empty()) return why_not;
  }
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (is_in_runtime(argc, argv)) return play_in_runtime();
  ipc::Lab lab("containers", "Two containers, and the IPC that works across.");
  lab.option("--shm", shm_mb, 1, 512, "MB of /dev/shm in a container");
  lab.option("--grace", grace_s, 0.1, 30, "seconds from SIGTERM to SIGKILL");
  lab.option("--runtime", runtime_name, problem_with_runtime,
             "runc or crun; default: the first found");
  lab.at_end(remove_memory_groups);
  return lab.run(argc, argv, lesson);
}
