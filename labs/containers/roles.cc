#include "labs/containers/roles.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/wait_ready.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/process/signals.h"
#include "common/report/report.h"
#include "labs/containers/container.h"
#include "labs/containers/init.h"

namespace {

using ipc::check;
using ipc::Deadline;
using ipc::UniqueFd;

constexpr size_t kMb = 1U << 20U;
constexpr size_t kPage = 4096;

std::string outcome(int error) {
  return error == 0 ? "done" : std::generic_category().message(error);
}

// Writes to each page, until the end of the memory or until SIGBUS.
void write_pages(int fd, size_t bytes, std::atomic<size_t>& written) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto* const first = static_cast<volatile char*>(memory);
  for (size_t place = 0; place < bytes; place += kPage) {
    first[place] = 1;  // [touch]
    written = place + kPage;
  }
}

std::string answer(const std::string& question) {
  const std::string database = std::string(kSharedFolder) + kDatabase;
  if (question == "alive?") return "yes";
  if (question == "ready?") {
    return ::access(database.c_str(), R_OK) == 0 ? "yes" : "no";  // [ready]
  }
  if (question == "hang") {
    ipc::say("Hanging");
    while (true) ::pause();
  }
  std::string data = "no database";
  std::ifstream(database) >> data;
  return data;
}

}  // namespace

void introduce() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (std::all_of(name.begin(), name.end(), isdigit)) ++count;
  }
  ipc::say("I am process {} of {}, and user {}", ::getpid(), count, ::getuid());
}

void be_app(ipc::Connection& control) {
  ipc::say("I am process {}, and have no handler for SIGTERM", ::getpid());
  leave_orphan();  // [orphan]
  if (::getpid() == 1) {
    ipc::say("I got an orphan, and do not reap it: zombies {}",
             count_zombies());
  }
  ipc::ensure(control.send("started"));
  while (control.receive()) ipc::ensure(control.send("yes"));
}

void overfill_shm(size_t bytes, std::atomic<size_t>& written) {
  const std::string name = ipc::unique_name("big");
  const UniqueFd memory(
      check(::shm_open(("/" + name).c_str(), O_RDWR | O_CREAT | O_EXCL, 0600),
            "shm_open"));
  const auto size = static_cast<off_t>(bytes);
  ipc::say("posix_fallocate of {} MB: {}", bytes / kMb,
           outcome(::posix_fallocate(memory.get(), 0, size)));  // [careful]
  try {
    ipc::SharedMemory::create(name + "-ours", bytes);
    ipc::say("ipc::SharedMemory of {} MB: done", bytes / kMb);
  } catch (const std::system_error& error) {
    ipc::say("ipc::SharedMemory of {} MB: {}", bytes / kMb,
             error.code().message());
  }
  const int error = ::ftruncate(memory.get(), size) == 0 ? 0 : errno;
  ipc::say("ftruncate to {} MB: {}", bytes / kMb,
           outcome(error));   // [careless]
  ::signal(SIGBUS, SIG_DFL);  // A sanitizer has its own action.
  write_pages(memory.get(), bytes, written);
}

void serve(ipc::Connection& probes) {
  ipc::SignalQueue end({SIGTERM});  // [handler]
  ipc::say("Started");
  std::array<pollfd, 2> events{
      {{end.fd(), POLLIN, 0}, {probes.fd(), POLLIN, 0}}};
  while (true) {
    (void)ipc::wait_ready(events, Deadline::never());
    if (events[0].revents != 0) return ipc::say("SIGTERM: no work in progress");
    const auto question = probes.receive();
    if (!question) return;
    ipc::ensure(probes.send(answer(*question)));
  }
}

void eat(size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto* const first = static_cast<volatile char*>(memory);
  for (size_t place = 0; place < bytes; place += kPage) first[place] = 1;
}
