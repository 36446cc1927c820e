// Wrong: the child takes the wall around its memory for a safe. The wall is
// there against accidents: a process of the same user reads what is behind it.
// Missing is prctl(PR_SET_DUMPABLE, 0).

#include <sys/uio.h>

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  int number = 7;
  auto ends = ipc::make_connections();
  ipc::Process child("Child", [&] {
    ends.first.close();
    number = 42;
    ipc::say("My number is {}, for me alone", number);
    ipc::ensure(ends.second.send("look"));
    (void)ends.second.receive();
  });
  ends.second.close();
  if (!ends.first.receive()) return "the child failed";
  int found = 0;
  const iovec here{&found, sizeof found};
  const iovec there{&number, sizeof number};
  if (::process_vm_readv(child.pid(), &here, 1, &there, 1, 0) == -1) {
    ipc::say("I may not read in the child: Operation not permitted");
  } else {
    ipc::say("My number is {}; in the child I read {}", number, found);
  }
  ends.first.close();
  return child.join() == 0 ? "" : "the child failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("readable_secret", "A secret behind a wall.");
  return lab.run(argc, argv, lesson);
}
