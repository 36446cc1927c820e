// Asks for every right that there is.

#include <grp.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include "attack.h"

namespace {

long all_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
  return syscall(SYS_capset, &header, data);
}

// Whether a set-user-ID program has its owner's rights.
bool runs_as_owner() {
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
    execl("/bin/su", "su", "-c", "true", nullptr);
    _exit(1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status == 0;
}

}  // namespace

int main() {
  using attack::unless;
  unless(getuid() != 0 && geteuid() != 0, "root already");
  unless(setuid(0) == -1, "setuid");
  unless(setgid(0) == -1, "setgid");
  unless(setresuid(-1, 0, -1) == -1, "seteuid");
  const gid_t group = 0;
  unless(setgroups(1, &group) == -1, "setgroups");
  unless(all_capabilities() == -1, "capset");
  unless(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0) == -1,
         "ambient");
  unless(prctl(PR_SET_SECUREBITS, 1, 0, 0, 0) == -1, "securebits");
  unless(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "new privileges");
  unless(!runs_as_owner(), "su");
  unless(mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)) == -1, "mknod");
  unless(mknod("/tmp/memory", S_IFCHR | 0600, makedev(1, 1)) == -1,
         "mknod:mem");
  unless(mount("none", "/tmp", "tmpfs", 0, nullptr) == -1, "mount");
  unless(mount("/", "/tmp", nullptr, MS_BIND, nullptr) == -1, "bind");
  unless(umount2("/proc", MNT_DETACH) == -1, "umount");
  unless(umount2("/tmp", MNT_DETACH) == -1, "umount:/tmp");
  unless(chroot("/tmp") == -1, "chroot");
  unless(syscall(SYS_pivot_root, "/tmp", "/tmp") == -1, "pivot_root");
  for (const int flag :
       {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
        CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWUSER | CLONE_NEWNS}) {
    unless(unshare(flag) == -1, "unshare:" + std::to_string(flag));
    const auto pid = static_cast<pid_t>(
        syscall(SYS_clone, static_cast<long>(flag) | SIGCHLD, 0, 0, 0, 0));
    if (pid == 0) _exit(0);
    unless(pid == -1, "clone:" + std::to_string(flag));
  }
  struct {
    unsigned long flags, words[10];
  } wish{CLONE_NEWUSER, {}};
  const long made = syscall(SYS_clone3, &wish, sizeof wish);
  if (made == 0) _exit(0);
  unless(made == -1, "clone3");
  for (const char* kind : {"user", "mnt", "pid", "net", "ipc", "uts"}) {
    for (const char* whose : {"self", "1"}) {
      const std::string path = std::string("/proc/") + whose + "/ns/" + kind;
      const int fd = open(path.c_str(), O_RDONLY);
      if (fd != -1) unless(setns(fd, 0) == -1, "setns:" + path);
    }
  }
  for (const char* path :
       {"/dev/mem", "/dev/port", "/dev/kmsg", "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
        "/proc/sys/fs/binfmt_misc/register", "/proc/1/oom_score_adj",
        "/sys/fs/cgroup/cgroup.procs"}) {
    attack::opens(path, O_WRONLY);
  }
  // Anybody may open it, and only root may write to it.
  const int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  unless(write(last, "100", 3) == -1, "ns_last_pid");
  for (const int family : {AF_INET, AF_PACKET}) {
    unless(socket(family, SOCK_RAW, family == AF_INET ? 1 : 0) == -1, "raw");
  }
  // Not to the time that it is: a change would be one of the machine.
  const timeval before_all{-1, -1};
  errno = 0;
  unless(settimeofday(&before_all, nullptr) == -1 && errno != 0, "time");
  unless(sethostname("x", 1) == -1, "sethostname");
  unless(syscall(SYS_reboot, 0, 0, 0, nullptr) == -1, "reboot");
  unless(syscall(SYS_init_module, nullptr, 0, "") == -1, "init_module");
  unless(syscall(SYS_bpf, 0, nullptr, 0) == -1 && errno == EPERM, "bpf");
  unless(syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0) == -1 &&
             errno == EPERM,
         "perf");
  unless(syscall(SYS_io_uring_setup, 1, nullptr) == -1 && errno == EPERM,
         "io_uring");
  unless(syscall(SYS_userfaultfd, 0) == -1, "userfaultfd");
  unless(syscall(SYS_keyctl, 0, -3, 1) == -1, "keyctl");
  unless(swapon("/tmp/x", 0) == -1 && errno == EPERM, "swapon");
  unless(acct("/tmp/x") == -1, "acct");
  unless(syscall(SYS_quotactl, 0, nullptr, 0, nullptr) == -1, "quotactl");
  rlimit more{};
  getrlimit(RLIMIT_NPROC, &more);
  more.rlim_max = RLIM_INFINITY;
  unless(setrlimit(RLIMIT_NPROC, &more) == -1, "setrlimit");
  unless(mlockall(MCL_FUTURE) == -1 || munlockall() == 0, "mlockall");
  return attack::end();
}
