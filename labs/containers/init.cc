#include "labs/containers/init.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <span>
#include <string>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/base/wait_ready.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/process/process_stat.h"
#include "common/process/signals.h"
#include "common/report/report.h"

namespace {

// Returns a child that has ended and is not reaped, or 0 if there is none.
pid_t ended_child() {
  siginfo_t info{};
  const int result = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  return result == 0 ? info.si_pid : 0;  // ECHILD: there is none at all.
}

}  // namespace

int run_init(const std::string& name, const std::function<void()>& program) {
  ipc::SignalQueue signals({SIGTERM, SIGINT, SIGCHLD});  // [block]
  ipc::Process main(name, program);
  std::optional<int> status;
  while (!status) {
    const int number = signals.next();
    while (const pid_t child = ended_child()) {
      if (child == main.pid()) {
        status = main.join();
      } else {
        (void)ipc::check(::waitpid(child, nullptr, 0), "waitpid");  // [reap]
        ipc::say("Reaped an orphan");
      }
    }
    if (number == SIGCHLD || status) continue;
    ipc::say("Forwarding SIG{} to {}", ::sigabbrev_np(number), name);
    main.send_signal(number);  // [forward]
  }
  ipc::say("{} has ended, zombies left: {}", name, count_zombies());
  return *status < 0 ? 128 - *status : *status;
}

int count_zombies() {
  int count = 0;
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) +
                         "/children");
  for (pid_t child = 0; children >> child;) {
    if (ipc::has_ended(child)) ++count;
  }
  return count;
}

void leave_orphan() {
  ipc::Pipe number = ipc::make_pipe();
  ipc::Pipe end = ipc::make_pipe();
  const pid_t child = ipc::check(::fork(), "fork");
  if (child == 0) {
    pid_t orphan = ::fork();
    if (orphan == 0) {
      end.writer.reset();
      char byte = 0;
      (void)!::read(end.reader.get(), &byte, 1);  // Until the end of file.
      ::_exit(0);
    }
    ipc::write_all(number.writer, std::as_bytes(std::span(&orphan, 1)));
    ::_exit(0);
  }
  pid_t orphan = -1;
  if (!ipc::read_exact(number.reader,
                       std::as_writable_bytes(std::span(&orphan, 1)))) {
    ipc::throw_error(EPROTO, "the number of the orphan");
  }
  ipc::check(ipc::retry([&] { return ::waitpid(child, nullptr, 0); }),
             "waitpid");
  const ipc::UniqueFd pidfd(static_cast<int>(
      ipc::check(::syscall(SYS_pidfd_open, orphan, 0U), "pidfd_open")));
  end = {};
  (void)ipc::wait_ready(pidfd.get(), POLLIN, ipc::Deadline::never());
}
