#include "labs/containers/ways.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/random.h"
#include "common/base/unique_fd.h"
#include "common/base/wait_ready.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/serialization_errors/passing.h"

namespace {

using ipc::check;
using ipc::check_zero;
using ipc::Deadline;
using ipc::UniqueFd;

constexpr const char* kMeets = "meets";
constexpr const char* kExcludes = "excludes";
constexpr const char* kBoth = "both have it";
constexpr const char* kWords = "from the other side";
constexpr double kLimitS = 10;

struct Way {
  const char* name;
  const char* expected;
  void (*offer)(const Meeting& meeting);
  std::string (*take)(const Meeting& meeting, const std::string& details);
  bool needs_ancestor = false;  // From which both have memory, or a mount.
};

std::string failed(const char* why = nullptr) {
  const std::string reason = std::generic_category().message(errno);
  return "does not meet: " + (why == nullptr ? reason : why);
}

std::string met(bool is_so) {
  return is_so ? kMeets : failed("other contents");
}

// Removes a file when it ends.
class Unlinked {
 public:
  explicit Unlinked(std::string path) : path_(std::move(path)) {}
  Unlinked(const Unlinked&) = delete;
  Unlinked& operator=(const Unlinked&) = delete;
  Unlinked(Unlinked&&) = delete;
  Unlinked& operator=(Unlinked&&) = delete;
  ~Unlinked() { ::unlink(path_.c_str()); }

 private:
  std::string path_;
};

std::string read_words(int fd) {
  std::array<char, 100> bytes{};
  const ssize_t size =
      ipc::retry([&] { return ::read(fd, bytes.data(), bytes.size()); });
  return {bytes.data(), size > 0 ? static_cast<size_t>(size) : 0};
}

void write_words(int fd) {
  check(::write(fd, kWords, std::strlen(kWords)), "write");
}

// A file in the folder.

void offer_file(const Meeting& meeting) {
  const std::string path = meeting.folder + "/file";
  const Unlinked unlinked(path);
  std::ofstream(path) << kWords;
  meeting.let_try("");
}

std::string take_file(const Meeting& meeting, const std::string&) {
  const UniqueFd file(
      ::open((meeting.folder + "/file").c_str(), O_RDONLY | O_CLOEXEC));
  return file ? met(read_words(file.get()) == kWords) : failed();
}

// A FIFO. It is opened for both directions, so that open(2) does not block.

void offer_fifo(const Meeting& meeting) {
  const std::string path = meeting.folder + "/fifo";
  const Unlinked unlinked(path);
  check(::mkfifo(path.c_str(), 0600), "mkfifo");
  const UniqueFd fifo(check(::open(path.c_str(), O_RDWR | O_CLOEXEC), "open"));
  write_words(fifo.get());
  meeting.let_try("");
}

std::string take_fifo(const Meeting& meeting, const std::string&) {
  const UniqueFd fifo(::open((meeting.folder + "/fifo").c_str(),
                             O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return fifo ? met(read_words(fifo.get()) == kWords) : failed();
}

// Sockets: by a path, by an abstract name, and by a port.

struct Place {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

// A name that begins with '@' is abstract: the byte 0 stands there instead, and
// the name is in no file system.
Place unix_place(const std::string& name) {
  Place place;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) {
    ipc::throw_error(ENAMETOOLONG, name.c_str());
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';  // [abstract]
  place.size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  std::memcpy(&place.storage, &address, sizeof address);
  return place;
}

Place loopback_place(int port) {
  Place place;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  place.size = sizeof address;
  std::memcpy(&place.storage, &address, sizeof address);
  return place;
}

UniqueFd open_socket(const Place& place) {
  return UniqueFd(
      check(::socket(place.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0),
            "socket"));
}

UniqueFd listen_at(const Place& place) {
  UniqueFd server = open_socket(place);
  check(::bind(server.get(), place.get(), place.size), "bind");
  check(::listen(server.get(), 1), "listen");
  return server;
}

// Empty, with errno set, if no process listens there.
UniqueFd connect_to(const Place& place) {
  UniqueFd client = open_socket(place);
  if (::connect(client.get(), place.get(), place.size) == -1) client.reset();
  return client;
}

void offer_path(const Meeting& meeting) {
  const std::string path = meeting.folder + "/socket";
  const Unlinked unlinked(path);
  const UniqueFd server = listen_at(unix_place(path));
  meeting.let_try("");
}

std::string take_path(const Meeting& meeting, const std::string&) {
  return connect_to(unix_place(meeting.folder + "/socket")) ? kMeets : failed();
}

void offer_abstract(const Meeting& meeting) {
  const std::string name = "@" + ipc::unique_name("abstract");
  const UniqueFd server = listen_at(unix_place(name));
  meeting.let_try(name);
}

std::string take_abstract(const Meeting&, const std::string& name) {
  return connect_to(unix_place(name)) ? kMeets : failed();
}

void offer_port(const Meeting& meeting) {
  const UniqueFd server = listen_at(loopback_place(0));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(
      ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size),
      "getsockname");
  meeting.let_try(std::to_string(ntohs(address.sin_port)));
}

std::string take_port(const Meeting&, const std::string& port) {
  return connect_to(loopback_place(std::stoi(port))) ? kMeets : failed();
}

// A descriptor: the memory that it refers to has no name anywhere.

void offer_descriptor(const Meeting& meeting) {
  const std::string path = meeting.folder + "/socket";
  const Unlinked unlinked(path);
  const UniqueFd server = listen_at(unix_place(path));
  const UniqueFd memory(check(::memfd_create("words", MFD_CLOEXEC), "memfd"));
  write_words(memory.get());
  check(::lseek(memory.get(), 0, SEEK_SET), "lseek");
  meeting.let_try("", [&] {
    if (!ipc::wait_ready(server.get(), POLLIN, Deadline::after(kLimitS)))
      return;
    const UniqueFd peer(check(
        ::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
    send_descriptor(peer.get(), memory);  // [pass]
  });
}

std::string take_descriptor(const Meeting& meeting, const std::string&) {
  const UniqueFd peer = connect_to(unix_place(meeting.folder + "/socket"));
  if (!peer) return failed();
  return met(read_words(receive_descriptor(peer.get()).get()) == kWords);
}

// A lock on a file: its owner is an open file description, in the kernel.

UniqueFd open_lock_file(const Meeting& meeting) {
  return UniqueFd(check(::open((meeting.folder + "/lock").c_str(),
                               O_RDWR | O_CREAT | O_CLOEXEC, 0600),
                        "open"));
}

void offer_flock(const Meeting& meeting) {
  const Unlinked unlinked(meeting.folder + "/lock");
  const UniqueFd file = open_lock_file(meeting);
  check(::flock(file.get(), LOCK_EX), "flock");
  meeting.let_try("");
}

std::string take_flock(const Meeting& meeting, const std::string&) {
  const UniqueFd file = open_lock_file(meeting);
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 ? kBoth : kExcludes;
}

// Shared memory by its name, which is a file in /dev/shm.

void offer_shm(const Meeting& meeting) {
  const std::string name = "/" + ipc::unique_name("words");
  const UniqueFd memory(check(
      ::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600), "shm_open"));
  const Unlinked unlinked("/dev/shm" + name);
  write_words(memory.get());
  meeting.let_try(name);
}

std::string take_shm(const Meeting&, const std::string& name) {
  const UniqueFd memory(::shm_open(name.c_str(), O_RDONLY, 0));
  return memory ? met(read_words(memory.get()) == kWords) : failed();
}

// The same with one folder of the machine mounted on /dev/shm in both.

void share_shm(const Meeting& meeting) {
  const std::string common = meeting.folder + "/shm";
  if (::mkdir(common.c_str(), 0700) == -1 && errno != EEXIST) {
    ipc::throw_error(errno, "mkdir");
  }
  check(::mount(common.c_str(), "/dev/shm", nullptr, MS_BIND, nullptr),
        "mount");
}

void offer_common_shm(const Meeting& meeting) {
  share_shm(meeting);
  offer_shm(meeting);
}

std::string take_common_shm(const Meeting& meeting, const std::string& name) {
  share_shm(meeting);
  return take_shm(meeting, name);
}

// Message queues, whose names are in an IPC namespace, not in a file system
// tree.

void offer_posix_queue(const Meeting& meeting) {
  const std::string name = "/" + ipc::unique_name("queue");
  const mqd_t queue =
      check(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, nullptr),
            "mq_open");
  meeting.let_try(name);
  ::mq_unlink(name.c_str());
  ::mq_close(queue);
}

std::string take_posix_queue(const Meeting&, const std::string& name) {
  const mqd_t queue = ::mq_open(name.c_str(), O_RDONLY);
  if (queue == -1) return failed();
  ::mq_close(queue);
  return kMeets;
}

void offer_system_v_queue(const Meeting& meeting) {
  const auto key = static_cast<key_t>(ipc::random_number<uint32_t>() >> 1U);
  const int queue = check(::msgget(key, IPC_CREAT | IPC_EXCL | 0600), "msgget");
  meeting.let_try(std::to_string(key));
  ::msgctl(queue, IPC_RMID, nullptr);
}

std::string take_system_v_queue(const Meeting&, const std::string& key) {
  return ::msgget(std::stoi(key), 0) == -1 ? failed() : kMeets;
}

// The number of a process.

void offer_pid(const Meeting& meeting) {
  meeting.let_try(std::to_string(::getpid()));
}

std::string take_pid(const Meeting&, const std::string& number) {
  const pid_t pid = std::stoi(number);
  if (pid == ::getpid()) return failed("number 1 is this process itself");
  return ::kill(pid, 0) == 0 ? kMeets : failed();
}

// Locks in memory that is shared.

void offer_mutex(const Meeting& meeting, pthread_mutex_t& mutex) {
  check_zero(::pthread_mutex_lock(&mutex), "pthread_mutex_lock");
  meeting.let_try("");
  check_zero(::pthread_mutex_unlock(&mutex), "pthread_mutex_unlock");
}

std::string take_mutex(pthread_mutex_t& mutex) {
  const int error = ::pthread_mutex_trylock(&mutex);  // [false]
  if (error == EBUSY) return kExcludes;
  if (error != 0) return "error: " + std::generic_category().message(error);
  ::pthread_mutex_unlock(&mutex);
  return kBoth;
}

void offer_recursive(const Meeting& meeting) {
  offer_mutex(meeting, meeting.board->recursive);
}

std::string take_recursive(const Meeting& meeting, const std::string&) {
  return take_mutex(meeting.board->recursive);
}

void offer_checking(const Meeting& meeting) {
  offer_mutex(meeting, meeting.board->checking);
}

std::string take_checking(const Meeting& meeting, const std::string&) {
  return take_mutex(meeting.board->checking);
}

void offer_rlock(const Meeting& meeting) {
  const ipc::Guard guard(meeting.board->rlock);
  meeting.let_try("");
}

std::string take_rlock(const Meeting& meeting, const std::string&) {
  try {
    const ipc::Guard guard(meeting.board->rlock, Deadline::at_ns(0));
    return guard ? kBoth : kExcludes;
  } catch (const std::system_error& error) {
    return "refused: " + error.code().message();
  }
}

void offer_permit(const Meeting& meeting) {
  meeting.board->permit.acquire();
  meeting.let_try("");
  meeting.board->permit.release();
}

std::string take_permit(const Meeting& meeting, const std::string&) {
  if (!meeting.board->permit.try_acquire()) return kExcludes;
  meeting.board->permit.release();
  return kBoth;
}

constexpr const char* kNoFile = "does not meet: No such file or directory";
constexpr const char* kNobody = "does not meet: Connection refused";
constexpr const char* kItself =
    "does not meet: number 1 is this process itself";
constexpr bool kNeedsAncestor = true;

constexpr std::array kWays{
    Way{"a file in the folder", kMeets, offer_file, take_file},
    Way{"a FIFO in it", kMeets, offer_fifo, take_fifo},
    Way{"a Unix socket in it", kMeets, offer_path, take_path},
    Way{"a descriptor passed over that", kMeets, offer_descriptor,
        take_descriptor},
    Way{"flock on a file in it", kExcludes, offer_flock, take_flock},
    Way{"/dev/shm, one for each", kNoFile, offer_shm, take_shm},
    Way{"/dev/shm, one for both", kMeets, offer_common_shm, take_common_shm,
        kNeedsAncestor},
    Way{"an abstract Unix socket", kNobody, offer_abstract, take_abstract},
    Way{"TCP over 127.0.0.1", kNobody, offer_port, take_port},
    Way{"a POSIX message queue", kNoFile, offer_posix_queue, take_posix_queue},
    Way{"a System V message queue", kNoFile, offer_system_v_queue,
        take_system_v_queue},
    Way{"the number of process 1", kItself, offer_pid, take_pid,
        kNeedsAncestor},
    Way{"a pthread mutex, recursive", kBoth, offer_recursive, take_recursive,
        kNeedsAncestor},
    Way{"the same, error-checking", "error: Resource deadlock avoided",
        offer_checking, take_checking, kNeedsAncestor},
    Way{"RLock, which has an owner", "refused: Operation not supported",
        offer_rlock, take_rlock, kNeedsAncestor},
    Way{"Semaphore, which has none", kExcludes, offer_permit, take_permit,
        kNeedsAncestor},
};

void make_mutex(pthread_mutex_t& mutex, int type) {
  pthread_mutexattr_t attributes;
  check_zero(::pthread_mutexattr_init(&attributes), "mutexattr_init");
  check_zero(::pthread_mutexattr_settype(&attributes, type),
             "mutexattr_settype");
  check_zero(
      ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
      "mutexattr_setpshared");
  check_zero(::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST),
             "mutexattr_setrobust");
  check_zero(::pthread_mutex_init(&mutex, &attributes), "mutex_init");
  check_zero(::pthread_mutexattr_destroy(&attributes), "mutexattr_destroy");
}

bool is_tried(const Way& way, const Meeting& meeting) {
  return meeting.board != nullptr || !way.needs_ancestor;
}

}  // namespace

Board::Board() {
  make_mutex(recursive, PTHREAD_MUTEX_RECURSIVE);
  make_mutex(checking, PTHREAD_MUTEX_ERRORCHECK);
}

void Meeting::let_try(const std::string& details,
                      const std::function<void()>& meanwhile) const {
  ipc::ensure(other.send(details));
  meanwhile();
  ipc::ensure(other.receive().status);
}

void offer_all(const Meeting& meeting) {
  for (const Way& way : kWays) {
    if (is_tried(way, meeting)) way.offer(meeting);
  }
}

bool take_all(const Meeting& meeting) {
  bool is_as_expected = true;
  for (const Way& way : kWays) {
    if (!is_tried(way, meeting)) continue;
    const auto details = meeting.other.receive();
    ipc::ensure(details.status);
    const std::string result = way.take(meeting, *details);
    ipc::say("{:<30} {}", way.name, result);
    is_as_expected = is_as_expected && result == way.expected;
    ipc::ensure(meeting.other.send(""));
  }
  return is_as_expected;
}
