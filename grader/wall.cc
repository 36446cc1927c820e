// The last wall before a submission: gives up every right, then becomes it.
//
// A copy of this program stands where a test of a lab looks for the lab's own
// program. Beside it lies a file <copy>.wall:
//
//   /submission/pipes      the program that it becomes
//   1000                   the user, and the group, that it becomes
//   namespaces             if the program may make namespaces
//
// Whoever starts it is root, who can do what the submission may not: open the
// events for it, for one. What it cannot give up, it does not run with: it then
// says so and ends with status 126.
//
// See no_new_privs in prctl(2), seccomp(2), setrlimit(2).

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr int kCannotRun = 126;  // As a shell says it.

constexpr rlim_t kGiB = rlim_t{1} << 30;

// No solution comes near to any of these. The time is not among them: the
// kernel counts a process that has a limit of it by ticks, and labs look at how
// much they have used. Every run has a limit of its own.
constexpr struct {
  decltype(RLIMIT_CORE) what;
  rlim_t most;
} kLimits[] = {
    {RLIMIT_CORE, 0},
    // Bytes of each file.
    {RLIMIT_FSIZE, kGiB / 4},
    // Processes of the user.
    {RLIMIT_NPROC, 1'000},
    // Bytes, and descriptors, of each process.
    {RLIMIT_AS, 8 * kGiB},
    {RLIMIT_NOFILE, 4'096},
};

// More kernel than any exercise needs. What looks into other processes is not
// here: the kernel lets it look only into those of the same user, and labs do.
// CLONE_NEWUSER and its like are looked at below.
constexpr int kRefused[] = {
    SYS_add_key,         SYS_request_key,
    SYS_keyctl,          SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd,
    SYS_io_uring_setup,  SYS_open_by_handle_at,
};

constexpr unsigned kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                 CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS |
                                 CLONE_NEWCGROUP | CLONE_NEWTIME;

#if defined(__x86_64__)
constexpr unsigned kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = AUDIT_ARCH_AARCH64;
#else
#error "which machine is this, to a filter of system calls?"
#endif

struct Wall {
  std::string program;
  uid_t user = 0;
  bool may_make_namespaces = false;
};

[[noreturn]] void refuse(const char* what) {
  fprintf(stderr, "wall: %s: %s\n", what, strerror(errno));
  _exit(kCannotRun);
}

void must(long result, const char* what) {
  if (result == -1) refuse(what);
}

Wall read_wall() {
  char own[4096] = {};
  must(readlink("/proc/self/exe", own, sizeof own - 1), "/proc/self/exe");
  std::ifstream file(std::string(own) + ".wall");
  Wall wall;
  std::string word;
  if (!(file >> wall.program >> wall.user) || wall.user == 0) {
    errno = EINVAL;
    refuse(own);
  }
  wall.may_make_namespaces = file >> word && word == "namespaces";
  return wall;
}

void set_limits() {
  for (const auto& [what, most] : kLimits) {
    rlimit present{};
    must(getrlimit(what, &present), "getrlimit");
    const rlim_t lower = present.rlim_max < most ? present.rlim_max : most;
    const rlimit limit{.rlim_cur = lower, .rlim_max = lower};
    must(setrlimit(what, &limit), "setrlimit");
  }
}

// What was made by root for the submission becomes its own.
void hand_over(uid_t user) {
  if (const char* events = getenv("IPC_LABS_EVENTS")) {
    must(chown(events, user, user), events);
  }
  if (isatty(STDIN_FILENO)) must(fchown(STDIN_FILENO, user, user), "terminal");
}

void become(uid_t user) {
  must(setgroups(0, nullptr), "setgroups");
  must(setresgid(user, user, user), "setresgid");
  must(setresuid(user, user, user), "setresuid");
}

// When memory is short, the kernel ends the submission rather than a test. If
// root has CAP_SYS_RESOURCE, the submission cannot take that back.
void go_first() {
  std::ofstream file("/proc/self/oom_score_adj");
  if (!(file << 1000 << std::flush)) refuse("oom_score_adj");
}

void filter_calls(bool may_make_namespaces) {
  const auto load = [](size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                static_cast<unsigned>(offset));
  };
  const auto answer = [](unsigned value) {
    return sock_filter BPF_STMT(BPF_RET | BPF_K, value);
  };
  // Skips the next instruction unless the number, or a bit of it, is there.
  const auto when = [](unsigned short test, unsigned value) {
    return sock_filter BPF_JUMP(
        static_cast<unsigned short>(BPF_JMP | test | BPF_K), value, 0, 1);
  };
  const sock_filter denied = answer(SECCOMP_RET_ERRNO | EPERM);
  std::vector<sock_filter> code{
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMachine, 1, 0),
      answer(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
  };
#if defined(__x86_64__)
  // The calls of x32 have numbers of their own.
  code.insert(code.end(), {when(BPF_JSET, 0x40000000), denied});
#endif
  for (const int call : kRefused) {
    code.insert(code.end(),
                {when(BPF_JEQ, static_cast<unsigned>(call)), denied});
  }
  if (!may_make_namespaces) {
    // A filter cannot see what clone3(2) is asked for; without it, the C
    // library takes clone(2).
    const sock_filter absent = answer(SECCOMP_RET_ERRNO | ENOSYS);
    code.insert(code.end(),
                {when(BPF_JEQ, SYS_clone3), absent, when(BPF_JEQ, SYS_setns),
                 denied, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 2, 0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
                 answer(SECCOMP_RET_ALLOW), load(offsetof(seccomp_data, args)),
                 when(BPF_JSET, kNamespaces), denied});
  }
  code.push_back(answer(SECCOMP_RET_ALLOW));
  const sock_fprog program{.len = static_cast<unsigned short>(code.size()),
                           .filter = code.data()};
  must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

}  // namespace

int main(int /*argc*/, char** argv) {
  const Wall wall = read_wall();
  set_limits();
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  go_first();
  hand_over(wall.user);
  become(wall.user);
  filter_calls(wall.may_make_namespaces);
  execv(wall.program.c_str(), argv);
  refuse(wall.program.c_str());
}
