// Kills, stops and slows down what it can see, and what it knows of.

#include "attack.h"

int main() {
  const pid_t guesses[] = {1, 2, canary::kPid, canary::kGraderPid,
                           -canary::kPid};
  std::vector<pid_t> targets(std::begin(guesses), std::end(guesses));
  for (const pid_t pid : attack::others()) targets.push_back(pid);
  for (const pid_t pid : targets) {
    if (pid == getpid()) continue;
    const std::string name = std::to_string(pid);
    for (const int number : {SIGSTOP, SIGTERM, SIGKILL, SIGCONT, SIGUSR1}) {
      attack::unless(kill(pid, number) == -1, "kill:" + name);
    }
    attack::unless(setpriority(PRIO_PROCESS, pid, 19) == -1, "renice:" + name);
    const sched_param idle{};
    attack::unless(sched_setscheduler(pid, SCHED_IDLE, &idle) == -1,
                   "sched:" + name);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    attack::unless(sched_setaffinity(pid, sizeof cpus, &cpus) == -1,
                   "affinity:" + name);
    rlimit least{};
    attack::unless(prlimit(pid, RLIMIT_CPU, &least, nullptr) == -1,
                   "prlimit:" + name);
    const auto fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd != -1) {
      attack::unless(
          syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) == -1,
          "pidfd:" + name);
      attack::unless(syscall(SYS_pidfd_getfd, fd, 1, 0) == -1, "getfd:" + name);
    }
  }
  attack::unless(kill(-1, SIGKILL) == -1, "kill:-1");
  attack::unless(setpriority(PRIO_PROCESS, 0, -20) == -1, "be first");
  return attack::end();
}
