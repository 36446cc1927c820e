// isolation, by system calls: fork, mmap, waitid, process_vm_readv, prctl.
//
//   Main --fork--> Child        each has its own copy of every variable;
//     |              |          a page of mmap(MAP_SHARED) is the same for both
//     +-- [ page ] --+
//
// Watch for: the end of every child. raw::be_child never returns; if it did,
// the child would continue with its parent's code.

#include "labs/raw.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <new>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;
using std::to_string;

constexpr int kMainsNumber = 7;
constexpr int kChildsNumber = 42;

struct Shelves {
  int left_boxes = 100;
  int right_boxes = 0;
};

template <typename Role>
pid_t start_child(Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child("Child", parent, role);  // [child]
  return child;
}

// The exit status, or minus the signal that killed it.
int join(pid_t child) {
  siginfo_t how{};
  check(retry([&] {
          return ::waitid(P_PID, static_cast<id_t>(child), &how, WEXITED);
        }),
        "waitid");  // [waitid]
  return how.si_code == CLD_EXITED ? how.si_status : -how.si_status;
}

// A page that the children share, at the same address. It has no name and
// disappears with the last process that maps it; this lab never unmaps it.
template <typename Object>
Object& share(Object object) {
  void* const page = ::mmap(nullptr, sizeof object, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);  // [mmap]
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  return *new (page) Object(object);
}

std::string ordinary_variable() {
  int number = kMainsNumber;
  raw::say("Main", "My number is " + to_string(number));
  const pid_t child = start_child([&] {
    raw::say("Child", "I see " + to_string(number) + " and set it to " +
                          to_string(kChildsNumber));
    number = kChildsNumber;
    raw::say("Child", "My number is " + to_string(number));
  });
  if (join(child) != 0) return "the child of act 1 failed";
  raw::say("Main", "My number is still " + to_string(number));
  return number == kMainsNumber ? "" : "an ordinary variable was shared";
}

std::string shared_page() {
  int& number = share(kMainsNumber);
  const pid_t child = start_child([&] {
    raw::say("Child", "I set the shared number to " + to_string(kChildsNumber));
    number = kChildsNumber;
  });
  if (join(child) != 0) return "the child of act 2 failed";
  raw::say("Main", "The shared number is " + to_string(number));
  return number == kChildsNumber ? "" : "the shared page was not shared";
}

std::string crash() {
  Shelves& shelves = share(Shelves());
  const int status = join(start_child([&] {
    raw::say("Child", "I move 30 boxes from left to right");
    shelves.left_boxes -= 30;
    int* volatile nowhere = reinterpret_cast<int*>(16);  // No page is there.
    *nowhere = 1;
    shelves.right_boxes += 30;
  }));
  if (status != -SIGSEGV) return "the child did not crash";
  raw::say("Main", "The child was killed by SIGSEGV");
  const int left = shelves.left_boxes;
  const int right = shelves.right_boxes;
  raw::say("Main", "I go on; the shelves hold " + to_string(left) + " and " +
                       to_string(right) + " boxes");
  raw::say("Main", to_string(100 - left - right) + " boxes are on no shelf");
  return "";
}

// Root may read the processes of other users only by a capability.
void give_up_privileges() {
  __user_cap_header_struct self{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, 2> none{};
  check(::syscall(SYS_capset, &self, none.data()), "capset");
}

std::string read_from_outside(bool is_closed) {
  volatile int number = kMainsNumber;  // The compiler sees no reader.
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
        "socketpair");
  char byte = '!';
  const pid_t child = start_child([&] {
    ::close(ends[0]);
    number = kChildsNumber;
    if (is_closed) check(::prctl(PR_SET_DUMPABLE, 0), "prctl");  // [close]
    raw::say("Child", "My number is " + to_string(number) +
                          (is_closed ? ", for me alone" : ""));
    check(retry([&] { return ::write(ends[1], &byte, 1); }), "write");
    check(retry([&] { return ::read(ends[1], &byte, 1); }), "read");
  });
  ::close(ends[1]);
  check(retry([&] { return ::read(ends[0], &byte, 1); }), "read");
  int seen = 0;
  const iovec here{&seen, sizeof seen};
  // The child's copy is at the same address.
  const iovec there{const_cast<int*>(&number), sizeof number};
  const ssize_t size = ::process_vm_readv(child, &here, 1, &there, 1, 0);
  if (size == -1 && errno != EPERM) ipc::throw_error(errno, "process_vm_readv");
  raw::say("Main", size == -1 ? "I may not read in the child: Operation not "
                                "permitted"
                              : "My number is " + to_string(number) +
                                    "; in the child I read " + to_string(seen));
  ::close(ends[0]);
  if (join(child) != 0) return "the child of act 4 failed";
  return is_closed && size != -1 ? "a process that was closed was read" : "";
}

std::string lesson() {
  raw::say("Main", "Act 1: an ordinary variable");
  if (auto problem = ordinary_variable(); !problem.empty()) return problem;
  raw::say("Main", "Act 2: a shared page");
  if (auto problem = shared_page(); !problem.empty()) return problem;
  raw::say("Main", "Act 3: a child that crashes");
  if (auto problem = crash(); !problem.empty()) return problem;
  raw::say("Main", "Act 4: an ordinary variable, read from outside");
  give_up_privileges();
  auto problem = read_from_outside(false);
  return problem.empty() ? read_from_outside(true) : problem;
}

}  // namespace

int main() { return raw::run(lesson); }
