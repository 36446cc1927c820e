// Gets stuck in one kind of wait: the harness must say which, and which process
// holds what is awaited.

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
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

template <typename Work>
pid_t fork_named(const char* name, Work work) {
  const pid_t pid = check(fork(), "fork");
  if (pid == 0) {
    prctl(PR_SET_NAME, name);
    work();
    _exit(0);
  }
  return pid;
}

void wait_for_ever() {
  while (true) pause();
}

void wait_for_children() {
  while (wait(nullptr) > 0) {
  }
}

// Two processes meet: each tells the other, then waits for it.
struct Meeting {
  int ends[2];
  Meeting() { check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair"); }
  void meet(int side) const {
    char byte = 'x';
    check(write(ends[side], &byte, 1), "write");
    check(read(ends[side], &byte, 1), "read");
  }
};

void write_event(const char* process, const char* kind, const char* object,
                 const char* id) {
  const char* const path = getenv("IPC_LABS_EVENTS");
  if (path == nullptr) return;
  const int fd = check(open(path, O_WRONLY | O_APPEND | O_CLOEXEC), "events");
  dprintf(fd,
          "{\"t_ns\":1,\"pid\":%d,\"process\":\"%s\",\"kind\":\"%s\","
          "\"object\":\"%s\",\"id\":\"%s\"}\n",
          getpid(), process, kind, object, id);
  close(fd);
}

pthread_mutex_t* shared_mutexes(bool robust) {
  void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const mutexes = static_cast<pthread_mutex_t*>(memory);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (robust) {
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  }
  for (int i = 0; i < 2; ++i) pthread_mutex_init(&mutexes[i], &attributes);
  return mutexes;
}

// Each takes its own lock and then, after both have one, the other's.
void deadlock(bool with_events, bool robust) {
  pthread_mutex_t* const mutexes = shared_mutexes(robust);
  const Meeting meeting;
  const char* const locks[] = {"Lock@a", "Lock@b"};
  const char* const workers[] = {"Worker 1", "Worker 2"};
  if (with_events) {
    write_event("Main", "name", locks[0], "left");
    write_event("Main", "name", locks[1], "right");
  }
  for (int side = 0; side < 2; ++side) {
    fork_named(workers[side], [&] {
      pthread_mutex_lock(&mutexes[side]);
      if (with_events) write_event(workers[side], "acquire", locks[side], "");
      meeting.meet(side);
      if (with_events) write_event(workers[side], "wait", locks[1 - side], "");
      pthread_mutex_lock(&mutexes[1 - side]);
    });
  }
  if (with_events) write_event("Main", "wait", "Worker 1", "");
  wait_for_children();
}

void* lock_both(void* argument) {
  auto* const mutex = static_cast<pthread_mutex_t*>(argument);
  pthread_mutex_lock(mutex);
  return nullptr;
}

// A thread waits for a mutex that the first thread holds while it joins it.
void deadlock_threads() {
  pthread_mutex_t* const mutexes = shared_mutexes(false);
  pthread_mutex_lock(&mutexes[0]);
  pthread_t thread;
  pthread_create(&thread, nullptr, lock_both, &mutexes[0]);
  pthread_join(thread, nullptr);
}

// The receiver forgot to close its own copy of the write end.
void read_own_pipe(bool main_keeps_it) {
  int ends[2];
  check(pipe(ends), "pipe");
  fork_named("Receiver", [&] {
    char byte;
    check(read(ends[0], &byte, 1), "read");
  });
  if (!main_keeps_it) close(ends[1]);
  wait_for_children();
}

void fill_pipe() {
  int ends[2];
  check(pipe(ends), "pipe");
  fork_named("Sender", [&] {
    close(ends[0]);
    while (write(ends[1], "0123456789abcdef", 16) > 0) {
    }
  });
  close(ends[1]);
  wait_for_children();
}

void wait_futex() {
  static unsigned word = 7;
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, nullptr, nullptr, 0);
}

// As the library waits: forever, but looking again every 100 ms.
void wait_futex_in_slices() {
  static unsigned word = 7;
  while (true) {
    const timespec slice{0, 100'000'000};
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, &slice, nullptr, 0);
  }
}

void stop_child() {
  const pid_t pid = fork_named("Worker", [] { raise(SIGSTOP); });
  int status;
  check(waitpid(pid, &status, WUNTRACED), "waitpid");
  check(waitpid(pid, &status, 0), "waitpid");
}

// One process holds a lock on a file forever, the other wants it.
template <typename Lock>
void lock_file(Lock lock) {
  const Meeting meeting;
  const char* const path = "/tmp/stuck-lock";
  check(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open");
  fork_named("Owner", [&] {
    const int fd = check(open(path, O_RDWR | O_CLOEXEC), "open");
    lock(fd);
    meeting.meet(0);
    wait_for_ever();
  });
  fork_named("Waiter", [&] {
    const int fd = check(open(path, O_RDWR | O_CLOEXEC), "open");
    meeting.meet(1);
    lock(fd);
  });
  wait_for_children();
}

void lock_record(int fd, int command) {
  struct flock all {};
  all.l_type = F_WRLCK;
  check(fcntl(fd, command, &all), "fcntl");
}

void read_socket() {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
  fork_named("Client", [&] {
    close(ends[1]);
    char byte;
    check(static_cast<int>(recv(ends[0], &byte, 1, 0)), "recv");
  });
  close(ends[0]);
  wait_for_children();
}

int listen_tcp() {
  const int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(8765);
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address),
        "bind");
  check(listen(fd, 1), "listen");
  return fd;
}

void accept_tcp() {
  const int fd = listen_tcp();
  check(accept(fd, nullptr, nullptr), "accept");
}

void read_tcp() {
  const int listener = listen_tcp();
  fork_named("Client", [&] {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    check(getsockname(listener, generic, &size), "getsockname");
    close(listener);
    const int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check(connect(fd, generic, size), "connect");
    char byte;
    check(static_cast<int>(read(fd, &byte, 1)), "read");
  });
  const int fd = check(accept(listener, nullptr, nullptr), "accept");
  wait_for_children();
  close(fd);
}

void poll_pipe(bool use_epoll) {
  int ends[2];
  check(pipe(ends), "pipe");
  fork_named("Poller", [&] {
    close(ends[1]);
    if (use_epoll) {
      const int set = check(epoll_create1(0), "epoll_create1");
      epoll_event event{};
      event.events = EPOLLIN;
      check(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
      check(epoll_wait(set, &event, 1, -1), "epoll_wait");
    } else {
      pollfd entry{ends[0], POLLIN, 0};
      check(poll(&entry, 1, -1), "poll");
    }
  });
  wait_for_children();
}

void receive_mqueue() {
  mq_attr limits{};
  limits.mq_maxmsg = 1;
  limits.mq_msgsize = 8;
  const mqd_t queue =
      check(mq_open("/stuck", O_CREAT | O_RDWR, 0600, &limits), "mq_open");
  char message[8];
  check(static_cast<int>(mq_receive(queue, message, 8, nullptr)), "mq_receive");
}

void wait_semaphore() {
  const int id = check(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semget");
  const Meeting meeting;
  fork_named("Owner", [&] {
    sembuf up_and_down[] = {{0, 1, 0}, {0, -1, 0}};
    check(semop(id, up_and_down, 2), "semop");
    meeting.meet(0);
    wait_for_ever();
  });
  fork_named("Waiter", [&] {
    meeting.meet(1);
    sembuf down{0, -1, 0};
    check(semop(id, &down, 1), "semop");
  });
  wait_for_children();
}

void receive_sysv() {
  const int id = check(msgget(IPC_PRIVATE, IPC_CREAT | 0600), "msgget");
  long message[2];
  check(static_cast<int>(msgrcv(id, message, 8, 0, 0)), "msgrcv");
}

void open_fifo() {
  check(mkfifo("/tmp/stuck-fifo", 0600), "mkfifo");
  check(open("/tmp/stuck-fifo", O_RDONLY), "open");
}

void sleep_s(time_t seconds) {
  const timespec time{seconds, 0};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

void spin() {
  volatile bool forever = true;
  while (forever) {
  }
}

// Never reaps its child, which has ended: it stays a zombie.
void forget_child() {
  fork_named("Worker", [] {});
  wait_for_ever();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc == 2 ? argv[1] : "";
  prctl(PR_SET_NAME, "Main");
  if (mode == "deadlock") deadlock(true, false);
  if (mode == "deadlock_silent") deadlock(false, false);
  if (mode == "deadlock_robust") deadlock(false, true);
  if (mode == "deadlock_threads") deadlock_threads();
  if (mode == "own_write_end") read_own_pipe(true);
  if (mode == "only_own_write_end") read_own_pipe(false);
  if (mode == "full_pipe") fill_pipe();
  if (mode == "child") {
    fork_named("Worker", wait_for_ever);
    wait_for_children();
  }
  if (mode == "futex") wait_futex();
  if (mode == "futex_slices") wait_futex_in_slices();
  if (mode == "stopped") stop_child();
  if (mode == "flock") {
    lock_file([](int fd) { check(flock(fd, LOCK_EX), "flock"); });
  }
  if (mode == "fcntl") lock_file([](int fd) { lock_record(fd, F_SETLKW); });
  if (mode == "ofd") lock_file([](int fd) { lock_record(fd, F_OFD_SETLKW); });
  if (mode == "socket") read_socket();
  if (mode == "tcp") read_tcp();
  if (mode == "accept") accept_tcp();
  if (mode == "poll") poll_pipe(false);
  if (mode == "epoll") poll_pipe(true);
  if (mode == "mqueue") receive_mqueue();
  if (mode == "sysv_sem") wait_semaphore();
  if (mode == "sysv_msg") receive_sysv();
  if (mode == "fifo") open_fifo();
  if (mode == "sleep") sleep_s(1'000'000);
  if (mode == "short_sleep") sleep_s(1);
  if (mode == "spin") spin();
  if (mode == "zombie") forget_child();
  puts("Main: PASS");
}
