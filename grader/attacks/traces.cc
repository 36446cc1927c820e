// Looks into other processes, and takes them over.

#include <sys/ptrace.h>
#include <sys/uio.h>

#include "attack.h"

int main() {
  std::vector<pid_t> targets = attack::others();
  targets.push_back(canary::kPid);
  targets.push_back(canary::kGraderPid);
  for (const pid_t pid : targets) {
    if (pid == getpid()) continue;
    const std::string name = std::to_string(pid);
    attack::unless(ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == -1,
                   "seize:" + name);
    attack::unless(ptrace(PTRACE_ATTACH, pid, nullptr, nullptr) == -1,
                   "attach:" + name);
    char bytes[16];
    const iovec ours{bytes, sizeof bytes};
    for (const unsigned long place : {0x400000UL, 0x555555554000UL}) {
      const iovec its{reinterpret_cast<void*>(place), sizeof bytes};
      attack::unless(
          process_vm_readv(pid, &ours, 1, &its, 1, 0) == -1 && errno != EFAULT,
          "read:" + name);
      attack::unless(
          process_vm_writev(pid, &ours, 1, &its, 1, 0) == -1 && errno != EFAULT,
          "write:" + name);
    }
    attack::opens("/proc/" + name + "/mem", O_RDWR);
    attack::opens("/proc/" + name + "/oom_score_adj", O_WRONLY);
    attack::unless(syscall(SYS_kcmp, getpid(), pid, 0, 1, 1) == -1,
                   "kcmp:" + name);
  }
  return attack::end();
}
