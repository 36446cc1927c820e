// A container by system calls alone: a process 1 in namespaces of its own.
//
//   Container service({.name = "Service", .folder = dir.path()}, serve);
//   service.send_signal(SIGTERM);
//   if (service.join() == 143) ...  // 128 + SIGTERM, as in a shell
//
//   Main --fork--> Shim of Service --unshare, fork--> Service, process 1
//
// Inside there is an almost empty tree: /proc, a /dev/shm of its own, and the
// folder that was mounted, as /shared. The program is not in it, and is not
// needed there: process 1 was forked, and has the program in its memory.
//
// Lifetime: the destructor kills process 1, and so the kernel kills whatever
//           is in its pid namespace. The mounts are in the container's mount
//           namespace only, and go with it.
// Death:    the shim dies with the process that made it, and process 1 with the
//           shim (PR_SET_PDEATHSIG). If process 1 ends, whatever else is in its
//           pid namespace is killed by the kernel.
// Errors:   NotPermitted if the system does not allow namespaces here;
//           std::system_error, or std::runtime_error if the shim was killed.
// Blocks:   the constructor, until the container is ready for `role`; join(),
//           until process 1 has ended.
// See:      namespaces(7), user_namespaces(7), pid_namespaces(7),
//           pivot_root(2); the runtime specification of the Open Container
//           Initiative (OCI) lists the same steps.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/process.h"

// The folder of the machine as its containers see it.
inline constexpr const char* kSharedFolder = "/shared";

// The system refuses namespaces, so the lab cannot be played here; `reason`
// says which call has failed, and how.
class NotPermitted : public ipc::Skip {
 public:
  explicit NotPermitted(const std::string& reason)
      : Skip("namespaces are not permitted here: " + reason), reason_(reason) {}

  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

struct ContainerSpec {
  std::string name;               // Of its process 1, and its host name.
  std::string folder = {};        // To be seen as /shared; "" for none.
  size_t shm_bytes = 64U << 20U;  // Of /dev/shm; as much as Docker gives.
  // What the shim does first: it limits itself, and so all that it forks.
  std::function<void()> limit = {};
  // What the shim does when process 1 exists: it closes its copies of the
  // descriptors that process 1 uses. While it keeps one, a peer that waits for
  // end of file does not see it.
  std::function<void()> drop = {};
};

class Container {
 public:
  // Runs `role` as process 1; what it returns is the exit status.
  Container(const ContainerSpec& spec, const std::function<int()>& role);
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  Container(Container&&) = delete;
  Container& operator=(Container&&) = delete;
  ~Container();

  // Process 1 as this process sees it.
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Sends process 1 a signal from outside; false if it has ended.
  bool send_signal(int number);

  // Waits until process 1 has ended. Returns its exit status, or 128 plus the
  // number of the signal that killed it; nothing at the deadline. May be
  // repeated.
  int join() { return *join_until(ipc::Deadline::never()); }
  std::optional<int> join_until(ipc::Deadline deadline);

 private:
  void await_shim();

  std::optional<ipc::Process> shim_;
  pid_t pid_ = -1;
  ipc::UniqueFd pidfd_;
};

// Asks process 1 to end by SIGTERM, and forces it by SIGKILL when the grace
// period is over, as docker stop and Kubernetes do. Returns the exit status.
struct Stopped {
  int status = 0;
  bool by_force = false;
};
Stopped stop(Container& container, double grace_s);

// "exit status 143 (128 + SIGTERM)".
std::string describe_exit(int status);

// For a program that is to be run in a namespace by exec(2). Puts this process
// into new namespaces, as user 0: of users, of mounts, and those that `more`
// (CLONE_...) names. Its mounts are not seen outside. With CLONE_NEWPID only
// its children are in the new pid namespace. Errors: NotPermitted.
void enter_namespaces(int more);

// Ends this process as one that ipc::Process has made ends, with a status.
[[noreturn]] void end_with(int status);
