#include "common/lab/internal/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/process_stat.h"

namespace ipc::lab_internal {
namespace {

namespace fs = std::filesystem;

struct Call {
  long number;
  const char* name;
};

// The calls that a process of a lab can be blocked in. Some processors lack a
// few; there the C library uses more general ones (ppoll for poll).
constexpr Call kCalls[] = {
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_pread64, "pread64"},
    {SYS_readv, "readv"},
    {SYS_writev, "writev"},
    {SYS_ioctl, "ioctl"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_sendfile, "sendfile"},
    {SYS_connect, "connect"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_sendto, "sendto"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_semop, "semop"},
    {SYS_semtimedop, "semtimedop"},
    {SYS_msgsnd, "msgsnd"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_fcntl, "fcntl"},
    {SYS_flock, "flock"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_futex, "futex"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_mq_timedsend, "mq_timedsend"},
    {SYS_mq_timedreceive, "mq_timedreceive"},
    {SYS_openat, "openat"},
    {SYS_splice, "splice"},
#ifdef SYS_poll
    {SYS_open, "open"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_pause, "pause"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect6"},
    {SYS_epoll_pwait, "epoll_pwait"},
#else
    {SYS_ppoll, "poll"},
    {SYS_pselect6, "select"},
    {SYS_epoll_pwait, "epoll_wait"},
#endif
};

// Compares numbers, because one name may stand for two calls: see kCalls.
bool is_one_of(long number, std::initializer_list<long> numbers) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

// Reads the memory of a process; false if there is none at this address, or if
// this process may not read it.
bool peek(pid_t pid, uint64_t address, void* data, size_t size) {
  if (address == 0) return false;
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  const ssize_t got =
      ::pread(file.get(), data, size, static_cast<off_t>(address));
  return got == static_cast<ssize_t>(size);
}

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

std::optional<double> time_at(pid_t pid, uint64_t address) {
  timespec time{};
  if (!peek(pid, address, &time, sizeof time)) return std::nullopt;
  return seconds(time);
}

// Seconds from now to an absolute time that is stored in another process.
std::optional<double> until(pid_t pid, uint64_t address, clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  const auto at = time_at(pid, address);
  if (!at) return std::nullopt;
  return *at - seconds(now);
}

std::optional<double> futex_timeout(pid_t pid,
                                    const std::array<uint64_t, 6>& args) {
  constexpr uint64_t kCommands = 127;
  constexpr uint64_t kWait = 0;
  constexpr uint64_t kLockPi = 6;
  constexpr uint64_t kWaitBitset = 9;
  constexpr uint64_t kOnWallClock = 256;
  const uint64_t command = args[1] & kCommands;
  if (command == kWait) return time_at(pid, args[3]);
  // The library sleeps in slices, and passes the address of the real deadline
  // in an argument that the kernel ignores: see common/sync/futex.cc.
  if (command == kWaitBitset && args[4] != 0) {
    return until(pid, args[4], CLOCK_MONOTONIC);
  }
  const bool on_wall = (args[1] & kOnWallClock) != 0 || command == kLockPi;
  return until(pid, args[3], on_wall ? CLOCK_REALTIME : CLOCK_MONOTONIC);
}

std::optional<double> milliseconds(uint64_t argument) {
  const auto value = static_cast<int32_t>(argument);
  if (value < 0) return std::nullopt;
  return value / 1e3;
}

// Seconds until a call ends by itself; nothing if it never does.
std::optional<double> timeout_of(pid_t pid, long number,
                                 const std::array<uint64_t, 6>& args) {
  switch (number) {
    case SYS_nanosleep:
      return time_at(pid, args[0]);
    case SYS_clock_nanosleep:
      if ((args[1] & TIMER_ABSTIME) == 0) return time_at(pid, args[2]);
      return until(pid, args[2], static_cast<clockid_t>(args[0]));
    case SYS_ppoll:
    case SYS_rt_sigtimedwait:
      return time_at(pid, args[2]);
    case SYS_pselect6:
      return time_at(pid, args[4]);
    case SYS_epoll_pwait:
      return milliseconds(args[3]);
    case SYS_semtimedop:
      return time_at(pid, args[3]);
    case SYS_futex:
      return futex_timeout(pid, args);
    case SYS_mq_timedsend:
    case SYS_mq_timedreceive:
      return until(pid, args[4], CLOCK_REALTIME);
#ifdef SYS_poll
    case SYS_poll:
      return milliseconds(args[2]);
    case SYS_epoll_wait:
      return milliseconds(args[3]);
    case SYS_select: {
      timeval time{};
      if (!peek(pid, args[4], &time, sizeof time)) return std::nullopt;
      return static_cast<double>(time.tv_sec) +
             static_cast<double>(time.tv_usec) / 1e6;
    }
#endif
    default:
      return std::nullopt;
  }
}

using WaitsOn = std::vector<std::pair<int, bool>>;

WaitsOn polled(pid_t pid, const std::array<uint64_t, 6>& args) {
  constexpr uint64_t kMost = 1024;
  std::vector<pollfd> entries(std::min(args[1], kMost));
  if (!peek(pid, args[0], entries.data(), entries.size() * sizeof(pollfd))) {
    return {};
  }
  WaitsOn found;
  for (const pollfd& entry : entries) {
    if (entry.fd < 0) continue;
    found.emplace_back(entry.fd, (entry.events & POLLOUT) != 0 &&
                                     (entry.events & POLLIN) == 0);
  }
  return found;
}

WaitsOn selected(pid_t pid, const std::array<uint64_t, 6>& args) {
  constexpr uint64_t kMost = 1024;
  const uint64_t count = std::min(args[0], kMost);
  WaitsOn found;
  for (const bool to_write : {false, true}) {
    std::vector<uint8_t> bits((count + 7) / 8);
    if (!peek(pid, args[to_write ? 2 : 1], bits.data(), bits.size())) continue;
    for (uint64_t fd = 0; fd < count; ++fd) {
      if ((bits[fd / 8] >> fd % 8 & 1) != 0) {
        found.emplace_back(static_cast<int>(fd), to_write);
      }
    }
  }
  return found;
}

WaitsOn of_epoll_set(pid_t pid, int set) {
  WaitsOn found;
  std::istringstream info(descriptor_info(pid, set));
  for (std::string line; std::getline(info, line);) {
    int fd = -1;
    unsigned events = 0;
    if (::sscanf(line.c_str(), "tfd: %d events: %x", &fd, &events) == 2) {
      found.emplace_back(fd, (events & (EPOLLIN | EPOLLOUT)) == EPOLLOUT);
    }
  }
  return found;
}

WaitsOn awaited_descriptors(pid_t pid, long number,
                            const std::array<uint64_t, 6>& args) {
  const auto first = static_cast<int>(args[0]);
  if (is_one_of(number, {SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg})) {
    return {{first, true}};
  }
  if (is_one_of(number, {SYS_read, SYS_pread64, SYS_readv, SYS_ioctl,
                         SYS_connect, SYS_accept, SYS_accept4, SYS_recvfrom,
                         SYS_recvmsg, SYS_recvmmsg, SYS_fcntl, SYS_flock,
                         SYS_mq_timedsend, SYS_mq_timedreceive, SYS_splice})) {
    return {{first, false}};
  }
  if (number == SYS_ppoll) return polled(pid, args);
  if (number == SYS_pselect6) return selected(pid, args);
  if (number == SYS_epoll_pwait) return of_epoll_set(pid, first);
#ifdef SYS_poll
  if (number == SYS_poll) return polled(pid, args);
  if (number == SYS_select) return selected(pid, args);
  if (number == SYS_epoll_wait) return of_epoll_set(pid, first);
#endif
  return {};
}

std::vector<int32_t> awaited_word(pid_t pid, long number,
                                  const std::array<uint64_t, 6>& args) {
  if (number == SYS_futex) {
    std::vector<int32_t> word(3);
    if (peek(pid, args[0], word.data(), 12)) return word;
  }
  if (is_one_of(number, {SYS_semop, SYS_semtimedop})) {
    sembuf operation{};
    if (!peek(pid, args[1], &operation, sizeof operation)) return {};
    const int set = static_cast<int>(args[0]);
    return {operation.sem_num, operation.sem_op,
            ::semctl(set, operation.sem_num, GETPID)};
  }
  return {};
}

std::string opened_path(pid_t pid, uint64_t address) {
  std::string path;
  // A byte at a time: there may be no memory behind the text.
  for (char c = 0; path.size() < 256 && peek(pid, address + path.size(), &c, 1);
       path += c) {
    if (c == '\0') break;
  }
  return path;
}

void describe_call(LiveTask& task, long number) {
  for (const Call& call : kCalls) {
    if (call.number == number) task.call = call.name;
  }
#ifndef SYS_poll
  const bool awaits_nothing = task.args[0] == 0 && task.args[1] == 0;
  if (number == SYS_ppoll && awaits_nothing && task.args[2] == 0) {
    task.call = "pause";
  }
#endif
  task.timeout_s = timeout_of(task.pid, number, task.args);
  task.waits_on = awaited_descriptors(task.pid, number, task.args);
  task.word = awaited_word(task.pid, number, task.args);
  if (number == SYS_openat) task.path = opened_path(task.pid, task.args[1]);
#ifdef SYS_open
  if (number == SYS_open) task.path = opened_path(task.pid, task.args[0]);
#endif
}

// The state of a thread, from /proc/PID/task/TID/stat.
std::optional<LiveTask> read_task(pid_t pid, pid_t tid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/task/" +
                                     std::to_string(tid) + "/stat");
  const size_t name = text.find('(');
  const size_t end = text.rfind(')');
  if (name == text.npos || end == text.npos) return std::nullopt;
  LiveTask task;
  task.pid = pid;
  task.tid = tid;
  task.name = text.substr(name + 1, end - name - 1);
  unsigned long user = 0;
  unsigned long system = 0;
  // Fields 3, 4, 14 and 15.
  constexpr const char* kFormat =
      ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
  if (::sscanf(text.c_str() + end, kFormat, &task.state, &task.parent, &user,
               &system) != 4) {
    return std::nullopt;
  }
  task.ticks = user + system;
  return task;
}

// The names in a folder of /proc that are numbers, in ascending order.
std::set<pid_t> numbers_in(const std::string& folder) {
  std::set<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator each(folder, error), end; !error && each != end;
       each.increment(error)) {
    const int number = ::atoi(each->path().filename().c_str());
    if (number > 0 || each->path().filename() == "0") found.insert(number);
  }
  return found;
}

void add_children(pid_t pid, std::set<pid_t>& found) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  for (const pid_t tid : numbers_in(folder)) {
    std::istringstream children(
        read_file(folder + "/" + std::to_string(tid) + "/children"));
    for (pid_t child = 0; children >> child;) {
      if (found.insert(child).second) add_children(child, found);
    }
  }
}

std::map<int, Descriptor> descriptors_of(pid_t pid) {
  std::map<int, Descriptor> found;
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  for (const int fd : numbers_in(folder)) {
    const std::string path = folder + "/" + std::to_string(fd);
    std::error_code error;
    struct stat link {};
    struct stat object {};
    const fs::path target = fs::read_symlink(path, error);
    if (error || ::lstat(path.c_str(), &link) == -1 ||
        ::stat(path.c_str(), &object) == -1) {
      continue;
    }
    found[fd] = {target.string(), (link.st_mode & S_IRUSR) != 0,
                 (link.st_mode & S_IWUSR) != 0, S_ISFIFO(object.st_mode)};
  }
  return found;
}

bool is_at_rest(const LiveTask& task) {
  // A thread without a call had begun to run when its call was read.
  if (task.state == 'S' || task.state == 'D') return !task.call.empty();
  return task.state != 'R';
}

struct PeerRequest {
  nlmsghdr header;
  unix_diag_req request;
};

// Adds the pairs of one answer of sock_diag(7). Returns whether more may come.
bool add_peers(const char* answer, size_t size,
               std::map<uint64_t, uint64_t>& peers) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  auto left = static_cast<int>(size);
  for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
    const auto* const found =
        static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
    const auto* const begin = reinterpret_cast<const char*>(header);
    size_t at = NLMSG_SPACE(sizeof *found);
    while (at + sizeof(nlattr) <= header->nlmsg_len) {
      nlattr attribute{};
      ::memcpy(&attribute, begin + at, sizeof attribute);
      if (attribute.nla_type == UNIX_DIAG_PEER &&
          attribute.nla_len == NLA_HDRLEN + sizeof(uint32_t)) {
        uint32_t peer = 0;
        ::memcpy(&peer, begin + at + NLA_HDRLEN, sizeof peer);
        peers[found->udiag_ino] = peer;
      }
      at += std::max<size_t>(NLA_ALIGN(attribute.nla_len), NLA_HDRLEN);
    }
  }
  return true;
}

// Asks which Unix-domain sockets are connected: sock_diag(7).
std::map<uint64_t, uint64_t> unix_peers() {
  std::map<uint64_t, uint64_t> peers;
  const UniqueFd link(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!link) return peers;
  const timeval limit{1, 0};
  ::setsockopt(link.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  PeerRequest asked{};
  asked.header.nlmsg_len = sizeof asked;
  asked.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  asked.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  asked.request.sdiag_family = AF_UNIX;
  asked.request.udiag_states = ~0U;
  asked.request.udiag_show = UDIAG_SHOW_PEER;
  if (::send(link.get(), &asked, sizeof asked, 0) == -1) return peers;
  alignas(nlmsghdr) std::array<char, 1 << 16> answer{};
  while (true) {
    const ssize_t size = ::recv(link.get(), answer.data(), answer.size(), 0);
    if (size <= 0) return peers;
    if (!add_peers(answer.data(), static_cast<size_t>(size), peers)) {
      return peers;
    }
  }
}

}  // namespace

std::string read_file(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string descriptor_info(pid_t pid, int fd) {
  return read_file("/proc/" + std::to_string(pid) + "/fdinfo/" +
                   std::to_string(fd));
}

std::vector<LiveTask> descendants_of(pid_t ancestor) {
  std::set<pid_t> pids;
  add_children(ancestor, pids);
  std::vector<LiveTask> found;
  for (const pid_t pid : pids) {
    if (auto task = read_task(pid, pid)) found.push_back(std::move(*task));
  }
  return found;
}

std::vector<LiveTask> tasks_of(pid_t ancestor) {
  std::vector<LiveTask> found;
  for (const LiveTask& process : descendants_of(ancestor)) {
    const std::string folder = "/proc/" + std::to_string(process.pid) + "/task";
    for (const pid_t tid : numbers_in(folder)) {
      auto task = read_task(process.pid, tid);
      if (!task) continue;
      std::istringstream blocked(
          read_file(folder + "/" + std::to_string(tid) + "/syscall"));
      long number = -1;
      if (blocked >> number >> std::hex && number >= 0) {
        for (uint64_t& argument : task->args) {
          std::string word;
          blocked >> word;
          argument = ::strtoull(word.c_str(), nullptr, 16);
        }
        describe_call(*task, number);
      }
      found.push_back(std::move(*task));
    }
  }
  return found;
}

Snapshot snapshot_of(pid_t ancestor) {
  constexpr int kLooksMost = 20;
  constexpr useconds_t kBetweenUs = 5'000;
  Snapshot snapshot;
  // A process that waits in the library looks again every 100 ms, and seems to
  // run just then. One that really runs still does after some looks.
  for (int look = 0; look < kLooksMost; ++look) {
    if (look > 0) ::usleep(kBetweenUs);
    snapshot.tasks = tasks_of(ancestor);
    if (std::all_of(snapshot.tasks.begin(), snapshot.tasks.end(), is_at_rest)) {
      break;
    }
  }
  for (const LiveTask& task : snapshot.tasks) {
    if (task.pid == task.tid) {
      snapshot.descriptors[task.pid] = descriptors_of(task.pid);
    }
  }
  snapshot.unix_peers = unix_peers();
  return snapshot;
}

}  // namespace ipc::lab_internal
