// Leaves one kind of object behind: the harness must name it, and its maker.
// `leaky clean` makes one of each and removes them all.

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace {

int check(int result, const char* what) {
  if (result < 0) {
    perror(what);
    _exit(3);
  }
  return result;
}

// Forks a child that is called Worker and runs `work`.
template <typename Work>
pid_t fork_worker(Work work) {
  const pid_t pid = check(fork(), "fork");
  if (pid == 0) {
    prctl(PR_SET_NAME, "Worker");
    work();
    _exit(0);
  }
  return pid;
}

// Forks a Worker that calls `prepare`, says so, and then stays.
template <typename Prepare>
pid_t fork_staying(Prepare prepare) {
  int ready[2];
  check(pipe(ready), "pipe");
  const pid_t pid = fork_worker([&] {
    prepare();
    check(write(ready[1], "x", 1), "write");
    while (true) pause();
  });
  char byte;
  check(read(ready[0], &byte, 1), "read");
  close(ready[0]);
  close(ready[1]);
  return pid;
}

void leave_process() {
  fork_staying([] {});
}

void leave_zombie() {
  const pid_t pid = fork_worker([] {});
  siginfo_t info;
  check(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), "waitid");
}

// A child of a child whose parent has ended, in a session of its own.
void leave_daemon() {
  const pid_t middle = fork_worker([] {
    setsid();
    fork_staying([] { prctl(PR_SET_NAME, "Daemon"); });
  });
  check(waitpid(middle, nullptr, 0), "waitpid");
}

void leave_stubborn() {
  const pid_t pid = fork_staying([] { signal(SIGTERM, SIG_IGN); });
  kill(pid, SIGTERM);
}

// All names of a lab have the token of its run behind the first number.
void leave_with_prefix(const std::string& random) {
  const char* const token = getenv("IPC_LABS_RUN");
  const std::string prefix = "ipc-labs-1-" + std::string(token) + random;
  const std::string name = prefix + "-" + std::to_string(getpid()) + "-1-x";
  const int fd = shm_open(("/" + name).c_str(), O_CREAT | O_RDWR, 0600);
  close(check(fd, "shm_open"));
  check(mkdir(("/tmp/" + name).c_str(), 0700), "mkdir");
}

void leave_shm() {
  check(shm_open("/leaky-shm", O_CREAT | O_RDWR, 0600), "shm_open");
}

void leave_mqueue() {
  mq_attr limits{};
  limits.mq_maxmsg = 1;
  limits.mq_msgsize = 8;
  check(mq_open("/leaky-queue", O_CREAT | O_RDWR, 0600, &limits), "mq_open");
}

int leave_sysv_shm() {
  return check(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), "shmget");
}

int leave_sysv_sem() {
  const int id = check(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semget");
  sembuf up{0, 1, 0};
  check(semop(id, &up, 1), "semop");
  return id;
}

int leave_sysv_msg() {
  const int id = check(msgget(IPC_PRIVATE, IPC_CREAT | 0600), "msgget");
  const struct {
    long type = 1;
    char text[4] = {};
  } message;
  check(msgsnd(id, &message, sizeof message.text, 0), "msgsnd");
  return id;
}

void leave_file() {
  check(open("/tmp/leaky-file", O_CREAT | O_WRONLY, 0600), "open");
}

void leave_in_folder() {
  check(mkdir("/tmp/leaky-folder", 0700), "mkdir");
  check(open("/tmp/leaky-folder/inside", O_CREAT | O_WRONLY, 0600), "open");
}

void leave_link() { check(symlink("nowhere", "/tmp/leaky-link"), "symlink"); }

int bind_socket(const char* path, bool abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path + (abstract ? 1 : 0), path);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                           strlen(path) + 1);
  const int fd = check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), size), "bind");
  check(listen(fd, 1), "listen");
  return fd;
}

void leave_abstract_socket() {
  fork_staying([] { bind_socket("leaky-abstract", true); });
}

// Executes a program that lives long enough to be looked at.
void pass_descriptor(int flags, const char* word) {
  int ends[2];
  check(pipe2(ends, flags), "pipe2");
  const pid_t pid = fork_worker([&] {
    const std::string script = "sleep 0.5; : " + std::string(word) + " " +
                               (*word ? std::to_string(ends[1]) : "");
    close(ends[0]);
    execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
  });
  check(waitpid(pid, nullptr, 0), "waitpid");
}

void leave_nothing() {
  leave_shm();
  check(shm_unlink("/leaky-shm"), "shm_unlink");
  leave_mqueue();
  check(mq_unlink("/leaky-queue"), "mq_unlink");
  check(shmctl(leave_sysv_shm(), IPC_RMID, nullptr), "shmctl");
  check(semctl(leave_sysv_sem(), 0, IPC_RMID), "semctl");
  check(msgctl(leave_sysv_msg(), IPC_RMID, nullptr), "msgctl");
  leave_in_folder();
  check(unlink("/tmp/leaky-folder/inside"), "unlink");
  check(rmdir("/tmp/leaky-folder"), "rmdir");
  bind_socket("/tmp/leaky-socket", false);
  check(unlink("/tmp/leaky-socket"), "unlink");
  bind_socket("leaky-abstract", true);
  check(waitpid(fork_worker([] {}), nullptr, 0), "waitpid");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc >= 2 ? argv[1] : "";
  prctl(PR_SET_NAME, "Main");
  if (mode == "clean") leave_nothing();
  if (mode == "process") leave_process();
  if (mode == "zombie") leave_zombie();
  if (mode == "daemon") leave_daemon();
  if (mode == "stubborn") leave_stubborn();
  if (mode == "prefix") leave_with_prefix(argv[2]);
  if (mode == "shm") leave_shm();
  if (mode == "mqueue") leave_mqueue();
  if (mode == "sysv_shm") leave_sysv_shm();
  if (mode == "sysv_sem") leave_sysv_sem();
  if (mode == "sysv_msg") leave_sysv_msg();
  if (mode == "file") leave_file();
  if (mode == "folder") leave_in_folder();
  if (mode == "link") leave_link();
  if (mode == "socket") bind_socket("/tmp/leaky-socket", false);
  if (mode == "abstract") leave_abstract_socket();
  if (mode == "descriptor") pass_descriptor(0, "");
  if (mode == "descriptor_meant") pass_descriptor(0, "fd");
  if (mode == "descriptor_closed") pass_descriptor(O_CLOEXEC, "");
  puts("Main: PASS");
  // A leak sanitizer looks at its end, by a process of its own.
  fflush(stdout);
  _exit(0);
}
