// Wrong: a lock that knows its owner by pid, shared by two containers.
//
// Its owner may lock it again, as with any recursive lock: it finds its own pid
// in the lock. But in another pid namespace another process has the same pid:
// here both are process 1.

#include <unistd.h>

#include <atomic>
#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "labs/containers/container.h"

namespace {

bool try_lock(std::atomic<pid_t>& owner) {
  pid_t before = 0;
  return owner.compare_exchange_strong(before, ::getpid()) ||
         before == ::getpid();
}

std::string lesson() {
  const ipc::Shared<std::atomic<pid_t>> owner(0);
  ipc::ConnectionPair ends = ipc::make_connections();
  const auto drop = [&] { ends = {}; };
  Container first({.name = "Container A", .drop = drop}, [&] {
    ends.second.close();
    ipc::say("Has it: {}", try_lock(*owner));
    ipc::ensure(ends.first.send("held"));
    (void)ends.first.receive();
    return 0;
  });
  Container second({.name = "Container B", .drop = drop}, [&] {
    ends.first.close();
    ipc::ensure(ends.second.receive().status);
    ipc::say("{:<30} {}", "a lock with its owner's pid",
             try_lock(*owner) ? "both have it" : "excludes");
    return 0;
  });
  drop();
  if (first.join() != 0) return "container A has failed";
  return second.join() == 0 ? "" : "container B has failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lock_by_pid", "Two containers, and the IPC that works across.");
  return lab.run(argc, argv, lesson);
}
