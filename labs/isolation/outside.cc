#include "labs/isolation/outside.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr int kMainsNumber = 7;

// Reads what the child has at the address of our `variable`: the copy that it
// got by fork. Returns nothing if the kernel refuses. The child does not
// notice.
std::optional<int> peek(pid_t child, const int& variable) {
  int found = 0;
  const iovec here{&found, sizeof found};
  const iovec there{const_cast<int*>(&variable), sizeof variable};
  const ssize_t size =
      ::process_vm_readv(child, &here, 1, &there, 1, 0);  // [peek]
  if (size == -1 && errno == EPERM) return std::nullopt;
  ipc::check(size, "process_vm_readv");
  return found;
}

bool look(pid_t child, const int& number) {
  const auto seen = peek(child, number);
  if (seen) ipc::say("My number is {}; in the child I read {}", number, *seen);
  if (!seen) ipc::say("I may not read in the child: Operation not permitted");
  return seen.has_value();
}

// A capability lets root read everything, so here each process drops them all.
void give_up_privileges() {
  __user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, 2> none{};
  ipc::check(::syscall(SYS_capset, &self, none.data()), "capset");  // [drop]
}

void become_user(int user) {
  const pid_t parent = ::getppid();
  const auto uid = static_cast<uid_t>(user);
  ipc::check(::setresuid(uid, uid, uid), "setresuid");  // [user]
  // The change of user has cleared our parent-death signal; see prctl(2).
  ipc::check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
  if (::getppid() != parent) ::_exit(1);
}

std::string look_at_child(int childs_number, int other_user, bool is_closed) {
  int number = kMainsNumber;
  auto ends = ipc::make_connections();
  ipc::Process child("Child", [&] {
    ends.first.close();
    give_up_privileges();
    number = childs_number;
    if (is_closed) ipc::check(::prctl(PR_SET_DUMPABLE, 0), "prctl");  // [close]
    ipc::say("My number is {}{}", number, is_closed ? ", for me alone" : "");
    ipc::ensure(ends.second.send("look"));
    (void)ends.second.receive();  // End of file: all have looked.
  });
  ends.second.close();
  if (!ends.first.receive()) return "the child of act 4 failed";
  if (other_user != 0) {
    ipc::Process stranger("Stranger", [&] {
      become_user(other_user);
      (void)look(child.pid(), number);
    });
    if (stranger.join() != 0) return "the stranger failed";
  }
  give_up_privileges();
  const bool is_seen = look(child.pid(), number);
  ends.first.close();
  if (child.join() != 0) return "the child of act 4 failed";
  return is_seen && is_closed ? "a process that was closed was read" : "";
}

}  // namespace

std::string look_from_outside(int number, int other_user) {
  auto problem = look_at_child(number, other_user, false);
  return problem.empty() ? look_at_child(number, 0, true) : problem;
}
