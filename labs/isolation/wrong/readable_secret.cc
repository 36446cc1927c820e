// Wrong: the child takes the wall around its memory for a safe. The wall is
// there against accidents: a process of the same user reads what is behind it.
// Missing is prctl(PR_SET_DUMPABLE, 0).

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

// A capability lets root read everything, so here each process drops them all.
void give_up_privileges() {
  __user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, 2> none{};
  ipc::check(::syscall(SYS_capset, &self, none.data()), "capset");
}

std::string lesson() {
  give_up_privileges();
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
  ipc::Lab lab("readable_secret", "What a parent sees of what its child does.");
  return lab.run(argc, argv, lesson);
}
