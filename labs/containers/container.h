// A container by system calls alone: a process 1 in namespaces of its own.
//
//   Container service({.name = "Service", .folder = dir.path()}, serve);
//   service.send_signal(SIGTERM);
//   if (service.join() == 143) ...  // 128 + SIGTERM, as a shell would say it
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
// Blocks:   the constructor until the container is ready for `role`.
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
  // What the shim does at first: it limits itself, and so what it makes.
  std::function<void()> limit = {};
  // What it does when process 1 is there: it closes its copies of what is
  // process 1's to use. While it has one, nobody sees the end of that file.
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

  // Waits for the end: the exit status of process 1, or 128 and the signal that
  // has killed it. May be repeated.
  int join() { return *join_until(ipc::Deadline::never()); }
  std::optional<int> join_until(ipc::Deadline deadline);

 private:
  void await_shim();

  std::optional<ipc::Process> shim_;
  pid_t pid_ = -1;
  ipc::UniqueFd pidfd_;
};

// Asks for an end by SIGTERM, and forces it by SIGKILL when the grace period is
// over, as docker stop and Kubernetes do. Returns the exit status.
struct Stopped {
  int status = 0;
  bool by_force = false;
};
Stopped stop(Container& container, double grace_s);

// "exit status 143 (128 + SIGTERM)".
std::string describe_exit(int status);

// For what is to be run in a namespace by exec(2): makes this process user 0 of
// new namespaces, `more` (CLONE_...) beside those of users and mounts, and
// keeps its mounts to itself. Its children are in a new pid namespace if `more`
// has CLONE_NEWPID. Errors: NotPermitted.
void enter_namespaces(int more);

// Ends this process as one that ipc::Process has made ends, with a status.
[[noreturn]] void end_with(int status);
