// Each object of this library is created, used and destroyed while one of its
// system calls fails: the first, then the second, until each has failed once.
// It must throw or succeed, and leave nothing behind either way.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <functional>
#include <ostream>
#include <stdexcept>
#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/channel/queue.h"
#include "common/channel/ring.h"
#include "common/files/atomic_file.h"
#include "common/files/file_watcher.h"
#include "common/manager/manager.h"
#include "common/memory/shared.h"
#include "common/memory/shared_memory.h"
#include "common/net/listener.h"
#include "common/pool/pool.h"
#include "common/process/lock_file.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/process/signals.h"
#include "common/supervise/supervisor.h"
#include "common/sync/barrier.h"
#include "common/sync/lock.h"
#include "common/sync/rlock.h"
#include "common/sync/semaphore.h"
#include "common/testing/sweep_testing.h"

namespace {

using ipc::Deadline;
using ipc::testing::Case;
using ipc::testing::demand;
using ipc::testing::FailureSweep;
using ipc::testing::limit;

void process() {
  ipc::Process child("Child", [] { ::_exit(3); });
  demand(child.join() == 3);
}

void process_not_joined() {
  const ipc::Process child(
      "Child", [] { ::pause(); }, ipc::Process::Group::own);
}

void spawned() {
  ipc::Process child = ipc::Process::spawn("true", {"/bin/true"});
  demand(child.join() == 0);
}

void signal_queue() {
  const ipc::SignalQueue queue({SIGUSR1, SIGUSR2});
  demand(queue.fd() != -1);
}

void pipe_ends() {
  const ipc::Pipe pipe = ipc::make_pipe();
  demand(static_cast<bool>(pipe.reader));
}

void connections() {
  auto [first, second] = ipc::make_connections();
  (void)first.send("hello");
  demand(*second.receive_until(limit()) == "hello");
}

void one_way_connections() {
  auto [first, second] = ipc::make_one_way_connections();
  (void)second.send("hello");
  demand(*first.receive_until(limit()) == "hello");
}

// A file in a folder that exists during the whole test, because removing the
// content of a folder takes a descriptor.
class File {
 public:
  File() : folder_(folder()), path_(folder_.file("file")) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&&) = delete;
  File& operator=(File&&) = delete;
  ~File() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& folder_path() const {
    return folder_.path();
  }

  static const ipc::TempDir& folder() {
    static const ipc::TempDir folder;
    return folder;
  }

 private:
  const ipc::TempDir& folder_;
  std::string path_;
};

void named_memory() {
  const std::string name = ipc::unique_name("memory");
  const auto ours = ipc::SharedMemory::create(
      name, 10'000, [](void* data, size_t) { *static_cast<int*>(data) = 7; });
  try {
    const auto theirs = ipc::SharedMemory::open(name);
    demand(theirs.as<int>() == 7);
  } catch (const std::exception&) {
    ours.unlink();
    throw;
  }
  demand(ours.unlink());
}

void anonymous_memory() {
  const auto ours = ipc::SharedMemory::anonymous(10'000);
  ipc::UniqueFd copy(
      ipc::check(::fcntl(ours.fd(), F_DUPFD_CLOEXEC, 0), "fcntl"));
  const auto theirs = ipc::SharedMemory::attach(std::move(copy));
  theirs.as<int>() = 7;
  demand(ours.as<int>() == 7);
}

void inherited_memory() {
  const ipc::Shared<int> number(7);
  demand(*number == 7);
}

void temporary_folder() {
  const ipc::TempDir folder;
  demand(::access(folder.path().c_str(), W_OK) == 0);
}

void locked_file() {
  const File file;
  const ipc::UniqueFd fd(ipc::check(
      ::open(file.folder_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
      "open"));
  { const ipc::UniqueFd lock = ipc::create_locked(fd.get(), "file"); }
  // If a lock cannot be requested, it has not been taken either.
  (void)ipc::lock_abandoned(fd.get(), "file");
}

void replaced_file() {
  const File file;
  ipc::replace_file(file.path(), "old");
  try {
    ipc::replace_file(file.path(), "new");
  } catch (const std::system_error&) {
    const auto text = ipc::read_file(file.path());
    demand(text == "old" || text == "new");
    throw;
  }
  demand(ipc::read_file(file.path()) == "new");
}

void watched_file() {
  const File file;
  ipc::FileWatcher watcher(file.path());
  (void)watcher.wait();
  ipc::replace_file(file.path(), "new");
  demand(watcher.wait_until(limit()).has_value());
}

void locks() {
  ipc::Shared<ipc::Lock> lock;
  ipc::Shared<ipc::RLock> rlock;
  const ipc::Guard guard(*lock);
  const ipc::Guard deeper(*rlock);
}

void semaphores() {
  const ipc::Shared<ipc::Semaphore> semaphore(1);
  semaphore->acquire();
  semaphore->release();
}

// All runs use one semaphore, so that a lost permit is noticed.
void bounded_semaphore(ipc::BoundedSemaphore& semaphore) {
  semaphore.acquire();
  semaphore.release();
}

// The same with a permit that must be taken from a dead holder.
void abandoned_permit(ipc::BoundedSemaphore& semaphore) {
  ipc::Process holder("Holder", [&] {
    semaphore.acquire();
    ::_exit(0);
  });
  (void)holder.join();
  demand(semaphore.acquire_until(limit()));
  semaphore.release();
}

void barrier() {
  const ipc::Shared<ipc::Barrier> barrier(1);
  (void)barrier->wait_until(limit());
}

void queue() {
  ipc::Queue queue(4);
  demand(queue.put("item") == ipc::QueueStatus::ok);
  demand(*queue.get_until(limit()) == "item");
}

void ring() {
  ipc::SpscRing ring(4, sizeof(int));
  int number = 7;
  demand(ring.try_put(&number));
  demand(ring.try_get(&number) && number == 7);
}

// accept() does not return a peer with which something was wrong, but it
// returns the next one.
void meet(ipc::Listener& listener, const ipc::ClientOptions& options) {
  for (int i = 0; i < 2; ++i) {
    ipc::Process client("Client", [&] {
      try {
        (void)ipc::connect_until(listener.address(), options, limit());
      } catch (const std::system_error&) {
      }
    });
    while (!client.exit_status()) {
      if (listener.accept_until(Deadline::after(0.01))) return;
    }
    // It pauses when there is no descriptor.
    if (listener.accept_until(Deadline::after(ipc::time_scale()))) return;
  }
  demand(false);
}

// A path that the listener itself must remove.
ipc::Address a_path() { return ipc::Address(File::folder().file("socket")); }

void listener_at_a_path() {
  ipc::Listener listener(a_path());
  meet(listener, {});
}

void listener_of_a_host() {
  ipc::Listener listener(ipc::Address("localhost:0"));
  meet(listener, {});
}

void listener_with_a_key() {
  ipc::Listener listener(a_path(), {.key = "key"});
  meet(listener, {.key = "key"});
}

void client_of(const ipc::Address& address, const std::string& key) {
  ipc::Listener listener(address, {.key = key});
  ipc::Process server("Server", [&] { (void)listener.accept(); });
  auto client = ipc::connect_until(listener.address(), {.key = key}, limit());
}

void client_at_a_path() { client_of(a_path(), ""); }

void client_of_a_host() { client_of(ipc::Address("localhost:0"), ""); }

void client_with_a_key() { client_of(ipc::Address("localhost:0"), "key"); }

void supervisor() {
  ipc::Supervisor supervisor;
  supervisor.add({.name = "worker",
                  .work = [](ipc::Worker&) {},
                  .policy = ipc::RestartPolicy::temporary});
  while (supervisor.next_until(limit())) {
  }
}

void pool() {
  ipc::Pool<int(int)> pool(2, [](int number) { return 2 * number; });
  demand(pool.submit(21).get() == 42);
}

// Whatever fails on the way to the server, a client gets ManagerGone.
void manager() {
  const ipc::Manager manager({.address = a_path().text()});
  try {
    const auto dict = manager.dict();
    dict.set("key", 1);
    demand(dict.get("key") == 1);
  } catch (const ipc::ManagerGone&) {
    ipc::throw_error(EHOSTDOWN, "manager");
  }
}

std::function<void()> with_semaphore(
    void (*action)(ipc::BoundedSemaphore& semaphore)) {
  return [action] {
    static const ipc::Shared<ipc::BoundedSemaphore> semaphore(1);
    action(*semaphore);
  };
}

INSTANTIATE_TEST_SUITE_P(
    All, FailureSweep,
    ::testing::Values(
        Case{"Process", process}, Case{"ProcessNotJoined", process_not_joined},
        Case{"ProcessSpawn", spawned}, Case{"SignalQueue", signal_queue},
        Case{"Pipe", pipe_ends}, Case{"Connections", connections},
        Case{"OneWayConnections", one_way_connections},
        Case{"NamedMemory", named_memory},
        Case{"AnonymousMemory", anonymous_memory},
        Case{"InheritedMemory", inherited_memory},
        Case{"TempDir", temporary_folder}, Case{"LockFile", locked_file},
        Case{"ReplaceFile", replaced_file}, Case{"FileWatcher", watched_file},
        Case{"Locks", locks}, Case{"Semaphore", semaphores},
        Case{"BoundedSemaphore", with_semaphore(bounded_semaphore)},
        Case{"AbandonedPermit", with_semaphore(abandoned_permit)},
        Case{"Barrier", barrier}, Case{"Queue", queue}, Case{"SpscRing", ring},
        Case{"ListenerAtAPath", listener_at_a_path},
        Case{"ListenerOfAHost", listener_of_a_host},
        Case{"ListenerWithAKey", listener_with_a_key},
        Case{"ClientAtAPath", client_at_a_path},
        Case{"ClientOfAHost", client_of_a_host},
        Case{"ClientWithAKey", client_with_a_key},
        Case{"Supervisor", supervisor}, Case{"Pool", pool},
        Case{"Manager", manager}),
    ipc::testing::case_name);

}  // namespace
