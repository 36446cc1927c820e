// supervisor, by system calls: fork, pidfd_open, poll, waitid, kill.
//
//   Main --fork--> Supervisor --fork--> stable-worker    works and is done
//                             --fork--> unstable-worker  fails in every life
//                             --fork--> medium-worker    ends when it is asked
//
// Watch for: two descriptors for each worker. Its pidfd can be read when it has
// ended, and its socket when it says something or can say no more. And a time
// limit: a worker that is silent for longer hangs. One worker is looked after
// at a time here; the lab looks after all of them at once.

#include "labs/raw.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr int kSilenceMs = 2000;
constexpr int kPatienceMs = 200;
constexpr int kRestartsMax = 3;

// What a worker tells its supervisor: "." is a heartbeat.
void tell(int socket, const std::string& text) {
  check(retry([&] { return ::send(socket, text.data(), text.size(), 0); }),
        "send");
}

sigset_t request_to_end() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  return signals;
}

// What a worker does; returns why it has failed, or "".
using Role = std::string (*)(int socket, int life);

std::string be_stable(int socket, int /*life*/) {
  for (int step = 1; step <= 30; ++step) {
    tell(socket, ".");
    if (step % 10 == 0) tell(socket, std::to_string(step) + " iterations");
  }
  raw::say("Process stable-worker", "Completed work cycle with 30 iterations");
  return "";
}

std::string be_unstable(int socket, int life) {
  tell(socket, ".");
  if (life % 3 == 1) return "simulated failure";
  if (life % 3 == 2) {
    raw::say("Process unstable-worker", "Simulating crash");
    ::abort();
  }
  raw::say("Process unstable-worker", "Simulating hang");
  while (true) ::pause();
}

// SIGTERM is blocked in all workers: it is kept until a worker asks for it.
std::string be_medium(int /*socket*/, int /*life*/) {
  const sigset_t request = request_to_end();
  check(retry([&] { return ::sigwaitinfo(&request, nullptr); }), "sigwaitinfo");
  raw::say("Process medium-worker", "Received the request to stop");
  return "";
}

struct Worker {
  std::string name;
  int pidfd = -1;
  int socket = -1;
};

void say_of(const Worker& worker, const std::string& text) {
  raw::say("Supervisor", worker.name + ": " + text);
}

// <sys/pidfd.h> of glibc 2.36 is for C alone.
int open_pidfd(pid_t pid) {
  return static_cast<int>(
      check(::syscall(SYS_pidfd_open, pid, 0), "pidfd_open"));  // [pidfd]
}

void send_signal(const Worker& worker, int number) {
  check(::syscall(SYS_pidfd_send_signal, worker.pidfd, number, nullptr, 0),
        "pidfd_send_signal");
}

Worker start(const std::string& name, Role role, int life) {
  std::array<int, 2> ends{};
  constexpr int kType = SOCK_SEQPACKET | SOCK_CLOEXEC;
  check(::socketpair(AF_UNIX, kType, 0, ends.data()), "socketpair");
  const pid_t supervisor = ::getpid();
  const std::string self = "Process " + name;
  const pid_t pid = check(::fork(), "fork");
  if (pid == 0) {
    raw::be_child(self.c_str(), supervisor, [&] {
      raw::say(self, "Started, life " + std::to_string(life));
      const std::string why = role(ends[1], life);
      if (why.empty()) return;
      raw::say(self, "failed: " + why);
      tell(ends[1], "failed: " + why);
      ::_exit(1);
    });
  }
  ::close(ends[1]);
  Worker worker{name, open_pidfd(pid), ends[0]};
  const std::string number = ", life " + std::to_string(life);
  say_of(worker, "started" + (life == 1 ? "" : number));
  return worker;
}

// Waits until it has ended, or has something to say; false after `limit_ms`.
bool wait_for(const Worker& worker, bool or_message, int limit_ms) {
  std::array<pollfd, 2> wanted = {
      {{worker.pidfd, POLLIN, 0}, {worker.socket, POLLIN, 0}}};
  const nfds_t count = or_message ? 2 : 1;
  return check(retry([&] { return ::poll(wanted.data(), count, limit_ms); }),
               "poll") > 0;  // [poll]
}

// A request first, in a way that a worker can refuse; then one that it cannot.
void end(const Worker& worker) {
  send_signal(worker, SIGTERM);
  if (wait_for(worker, false, kPatienceMs)) return;
  send_signal(worker, SIGKILL);  // [kill]
}

// Takes what there is; "" at the end, which comes when the worker has ended.
std::string hear(const Worker& worker) {
  std::string text(100, '\0');
  const ssize_t size =
      retry([&] { return ::recv(worker.socket, text.data(), text.size(), 0); });
  return text.substr(0, static_cast<size_t>(check(size, "recv")));
}

// Waits for its end, and says how that came about.
std::string reap(const Worker& worker) {
  siginfo_t how{};
  check(retry([&] {
          return ::waitid(P_PIDFD, static_cast<id_t>(worker.pidfd), &how,
                          WEXITED);
        }),
        "waitid");  // [reap]
  ::close(worker.pidfd);
  ::close(worker.socket);
  if (how.si_code == CLD_EXITED) {
    return "exit status " + std::to_string(how.si_status);
  }
  return std::string("killed by SIG") + ::sigabbrev_np(how.si_status);
}

// Follows one life to its end; reads all that it said before reporting that.
std::string follow(const Worker& worker) {
  std::string fault;
  while (true) {
    if (!wait_for(worker, true, kSilenceMs)) {
      fault = "hung: no heartbeat for 2 s, ";
      say_of(worker, "hung: no heartbeat for 2 s");
      end(worker);
      break;
    }
    const std::string text = hear(worker);
    if (text.empty()) break;
    if (text.starts_with("failed: ")) {
      fault = text + ", ";
    } else if (text != ".") {
      say_of(worker, text);
    }
  }
  return fault + reap(worker);
}

// Restarts a worker that fails, within limits. Returns how it ended at last.
std::string keep_up(const std::string& name, Role role) {
  for (int life = 1;; ++life) {
    const Worker worker = start(name, role, life);
    const std::string how = follow(worker);
    const bool is_done = how == "exit status 0";
    say_of(worker, is_done ? "completed" : "ended: " + how);
    if (is_done || life > kRestartsMax) {
      if (!is_done) say_of(worker, "gave up: at most 3 restarts within 600 s");
      std::string end = name;
      end.append(is_done ? ": completed" : ": failed").append(" in life ");
      end.append(std::to_string(life)).append("; last exit: ").append(how);
      return end;
    }
    const int delay_ms = 50 << life;
    say_of(worker, "restart " + std::to_string(life) + " in 0." +
                       std::to_string(delay_ms / 100) + " s");
    retry([&] { return ::poll(nullptr, 0, delay_ms); });  // [back-off]
  }
}

void supervise() {
  raw::say("Supervisor", "Starting up");
  const sigset_t request = request_to_end();
  check(::sigprocmask(SIG_BLOCK, &request, nullptr), "sigprocmask");
  const Worker served = start("medium-worker", be_medium, 1);
  const std::array ends = {keep_up("stable-worker", be_stable),
                           keep_up("unstable-worker", be_unstable)};
  raw::say("Supervisor", "Stopping all processes");
  end(served);
  const std::string how = reap(served);
  say_of(served, "stopped");
  for (const std::string& text : ends) raw::say("Supervisor", text);
  say_of(served, "stopped in life 1; last exit: " + how);
  raw::say("Supervisor", "Shutdown complete");
}

std::string lesson() {
  const pid_t self = ::getpid();
  const pid_t supervisor = check(::fork(), "fork");
  if (supervisor == 0) raw::be_child("Supervisor", self, supervise);
  int status = 0;
  check(retry([&] { return ::waitpid(supervisor, &status, 0); }), "waitpid");
  return status == 0 ? "" : "the supervisor failed";
}

}  // namespace

int main() { return raw::run(lesson); }
