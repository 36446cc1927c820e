#include "labs/containers/container.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/wait_ready.h"
#include "common/channel/connection.h"
#include "common/process/process_name.h"

namespace {

using ipc::check;
using ipc::Connection;
using ipc::ConnectionPair;
using ipc::Process;
using ipc::UniqueFd;

constexpr std::string_view kRefused = "refused: ";
constexpr std::string_view kFailed = "failed: ";

void write_file(const char* path, const std::string& text) {
  const UniqueFd file(check(::open(path, O_WRONLY | O_CLOEXEC), path));
  check(::write(file.get(), text.data(), text.size()), path);
}

void mount_on(const char* source, const std::string& target, const char* type,
              unsigned long flags, const std::string& options) {
  if (::mount(source, target.c_str(), type, flags, options.c_str()) == 0) {
    return;
  }
  const std::string call = "mount " + target;
  const std::system_error error(errno, std::generic_category(), call);
  if (errno == EPERM || errno == EACCES) throw NotPermitted(error.what());
  throw error;
}

// Starts the loopback device: a new network namespace has one, but it is down.
void loopback_up() {
  const UniqueFd any(
      check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  ::strncpy(request.ifr_name, "lo", IFNAMSIZ);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  check(::ioctl(any.get(), SIOCSIFFLAGS, &request), "ioctl SIOCSIFFLAGS");
}

// Makes a tree of its own on an empty file system that covers /tmp in this
// mount namespace, and then puts it in place of /.
void furnish(const ContainerSpec& spec) {
  constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV;
  check(::sethostname(spec.name.data(), spec.name.size()), "sethostname");
  loopback_up();
  // Before /tmp is covered: the folder lies in it.
  const UniqueFd folder(
      spec.folder.empty()
          ? -1
          : check(::open(spec.folder.c_str(), O_PATH | O_CLOEXEC), "open"));
  mount_on("tmpfs", "/tmp", "tmpfs", kPlain, "mode=755");
  check(::chdir("/tmp"), "chdir");
  for (const char* const name : {"proc", "dev", "dev/shm", "shared"}) {
    check(::mkdir(name, 0755), "mkdir");
  }
  if (folder) {
    const std::string source = "/proc/self/fd/" + std::to_string(folder.get());
    mount_on(source.c_str(), "/tmp/shared", nullptr, MS_BIND | MS_REC, "");
  }
  mount_on("proc", "/tmp/proc", "proc", kPlain | MS_NOEXEC, "");  // [proc]
  mount_on("shm", "/tmp/dev/shm", "tmpfs", kPlain,
           "mode=1777,size=" + std::to_string(spec.shm_bytes));  // [shm]
  check(::syscall(SYS_pivot_root, ".", "."), "pivot_root");      // [pivot]
  // The old tree covers the new one now, and is removed.
  check(::umount2(".", MNT_DETACH), "umount2");
  check(::chdir("/"), "chdir");
}

// How a container that begins reports: its shim sends the number of process 1,
// and process 1 sends that it is ready; or either sends why not.
struct Beginning {
  ConnectionPair shim = ipc::make_connections();
  ConnectionPair one = ipc::make_one_way_connections();
};

// Does a step. If it fails, tells the other side why, and ends this process.
void do_or_tell(Connection& other, const std::function<void()>& step) {
  std::string why;
  try {
    step();
    return;
  } catch (const NotPermitted& error) {
    why = std::string(kRefused) + error.reason();
  } catch (const std::exception& error) {
    why = std::string(kFailed) + error.what();
  }
  (void)other.send(why);
  end_with(1);
}

[[noreturn]] void be_process_1(const ContainerSpec& spec, Beginning& beginning,
                               const std::function<int()>& role) {
  do_or_tell(beginning.one.second, [&] { furnish(spec); });
  ipc::ensure(beginning.one.second.send("ready"));
  beginning.one.second.close();
  end_with(role());
}

// Makes process 1 and waits for it. A new pid namespace is only for the
// children of the process that asks for it, so this process forks process 1.
[[noreturn]] void be_shim(const ContainerSpec& spec, Beginning& beginning,
                          const std::function<int()>& role) {
  Connection& parent = beginning.shim.second;
  beginning.shim.first.close();
  beginning.one.first.close();
  do_or_tell(parent, [&] {
    if (spec.limit) spec.limit();
    enter_namespaces(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS);
  });
  Process one(spec.name, [&] {
    parent.close();
    be_process_1(spec, beginning, role);
  });
  beginning.one.second.close();
  if (spec.drop) spec.drop();
  // We are still in our parent's pid namespace: this is its number there.
  (void)parent.send(std::to_string(one.pid()));
  (void)
      parent.receive();  // Until then we do not reap: its number is not reused.
  parent.close();
  const int status = one.join();
  end_with(status < 0 ? 128 - status : status);  // [status]
}

// Returns the next word of a container that begins, or throws what is wrong.
std::string next_word(Connection& child, const std::string& name) {
  const auto word = child.receive();
  if (!word) throw std::runtime_error(name + " has ended before it began");
  if (word->starts_with(kRefused)) {
    throw NotPermitted(word->substr(kRefused.size()));
  }
  if (word->starts_with(kFailed)) {
    throw std::runtime_error(name + ": " + word->substr(kFailed.size()));
  }
  return *word;
}

// The deadline by which a process that was killed must have ended.
ipc::Deadline at_most() {
  constexpr double kMostS = 1;
  return ipc::Deadline::after(kMostS * ipc::time_scale());
}

}  // namespace

void end_with(int status) {
  ipc::event(ipc::EventKind::exit, ipc::process_name());
  if (ipc::process_hooks.ending != nullptr) {
    status = ipc::process_hooks.ending(status);
  }
  ::_exit(status);
}

void enter_namespaces(int more) {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  // A process that makes a user namespace has all rights in it, and may then
  // make the others, whatever its user is outside. EINVAL: this process has
  // threads.
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | more) == -1) {  // [unshare]
    throw NotPermitted("unshare: " + std::generic_category().message(errno));
  }
  try {
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", "0 " + uid + " 1");  // [map]
    write_file("/proc/self/gid_map", "0 " + gid + " 1");
  } catch (const std::system_error& error) {
    throw NotPermitted(error.what());
  }
  // What is mounted from now on must not appear in the namespace we come from.
  mount_on("none", "/", nullptr, MS_REC | MS_PRIVATE, "");
}

Container::Container(const ContainerSpec& spec,
                     const std::function<int()>& role) {
  std::optional<Beginning> beginning(std::in_place);
  shim_.emplace("Shim of " + spec.name,
                [&] { be_shim(spec, *beginning, role); });
  beginning->shim.second.close();
  beginning->one.second.close();
  try {
    pid_ = std::stoi(next_word(beginning->shim.first, spec.name));
    pidfd_.reset(static_cast<int>(
        check(::syscall(SYS_pidfd_open, pid_, 0U), "pidfd_open")));
    ipc::ensure(beginning->shim.first.send("seen"));
    (void)next_word(beginning->one.first, spec.name);
  } catch (...) {
    beginning.reset();
    await_shim();
    throw;
  }
}

Container::~Container() {
  if (!shim_->exit_status()) {
    (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0U);
    await_shim();
  }
  // If the shim was killed, the kernel is about to kill process 1.
  (void)ipc::wait_ready(pidfd_.get(), POLLIN, at_most());
}

// Process 1 has ended, or will: gives its shim the time to reap it. If the shim
// itself was killed, another process has to.
void Container::await_shim() { (void)shim_->join_until(at_most()); }

bool Container::send_signal(int number) {
  const long result =
      ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0U);
  if (result == -1 && errno == ESRCH) return false;
  check(result, "pidfd_send_signal");
  return true;
}

std::optional<int> Container::join_until(ipc::Deadline deadline) {
  const auto status = shim_->join_until(deadline);
  if (!status) return std::nullopt;
  return *status < 0 ? 128 - *status : *status;
}

Stopped stop(Container& container, double grace_s) {
  (void)container.send_signal(SIGTERM);
  const auto status = container.join_until(ipc::Deadline::after(grace_s));
  if (status) return {*status, false};
  (void)container.send_signal(SIGKILL);
  return {container.join(), true};
}

std::string describe_exit(int status) {
  const std::string text = "exit status " + std::to_string(status);
  const char* const signal =
      status > 128 ? ::sigabbrev_np(status - 128) : nullptr;
  return signal == nullptr ? text : text + " (128 + SIG" + signal + ")";
}
