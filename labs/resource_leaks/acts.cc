#include "labs/resource_leaks/acts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"

namespace {

// The destructor of SharedMemory closes it, in every process that has it.
// Unlinking is another thing: only the process that made the name does it,
// once.
class NamedMemory {
 public:
  explicit NamedMemory(const std::string& name)
      : memory_(ipc::SharedMemory::create(name, sizeof(int))),
        maker_(::getpid()) {}
  NamedMemory(const NamedMemory&) = delete;
  NamedMemory& operator=(const NamedMemory&) = delete;
  NamedMemory(NamedMemory&&) = delete;
  NamedMemory& operator=(NamedMemory&&) = delete;
  ~NamedMemory() {
    if (::getpid() == maker_) memory_.unlink();  // [unlink]
  }

 private:
  ipc::SharedMemory memory_;
  pid_t maker_;
};

void work(const std::string& name, bool crashes) {
  const Inventory before = take_inventory();
  const NamedMemory memory(name);
  ipc::Pipe pipe;
  pipe = ipc::make_pipe();
  say_inventory("At work", before);
  if (crashes) ::raise(SIGKILL);  // [crash]
  throw std::runtime_error("simulated failure");
}

void make_and_die(ipc::Barrier& meeting, const std::string& name) {
  const auto memory = ipc::SharedMemory::create(name, sizeof(int));
  (void)meeting.wait();  // The memory has a name.
  (void)meeting.wait();  // Main has the memory.
  memory.unlink();       // [early]
  memory.as<int>() = 42;
  ipc::say("Unlinked the name, and wrote 42");
  ::raise(SIGKILL);
}

}  // namespace

void survive_exception() {
  try {
    work(ipc::unique_name("numbers"), false);
  } catch (const std::exception& error) {
    ipc::say("Caught: {}", error.what());
  }
}

void survive_crash(const Inventory& before) {
  const std::string name = ipc::unique_name("numbers");  // [heir]
  const int status = ipc::Process("Worker", [&] { work(name, true); }).join();
  ipc::say("The worker was {}", ipc::describe_status(status));
  say_inventory("Left by the dead", before);
  if (ipc::SharedMemory::unlink(name)) ipc::say("Removed the name");
}

void unlink_early() {
  const ipc::Shared<ipc::Barrier> meeting(2);
  const std::string name = ipc::unique_name("numbers");
  ipc::Process maker("Maker", [&] { make_and_die(*meeting, name); });
  (void)meeting->wait();
  const auto memory = ipc::SharedMemory::open(name);
  (void)meeting->wait();
  maker.join();
  ipc::say("Read {} after the maker had died", memory.as<int>());
}

void execute() {
  const ipc::Pipe mine = ipc::make_pipe();  // [cloexec]
  ipc::Pipe input = ipc::make_pipe();
  ipc::Pipe executed = ipc::make_pipe();
  ipc::Process program("Program", [&] {
    ipc::check(::dup2(input.reader.get(), STDIN_FILENO), "dup2");  // [meant]
    ::execlp("cat", "cat", nullptr);
    ipc::throw_error(errno, "execlp cat");
  });
  executed.writer.reset();
  std::byte nothing{};
  (void)ipc::read_exact(executed.reader, {&nothing, 1});  // Closed by exec.
  ipc::say("The program holds {} ends of Main's pipe",
           count_ends(program.pid(), mine.writer.get()));
  input.writer.reset();  // Its end of file.
  if (program.join() != 0) throw std::runtime_error("the program failed");
}

void reap(const Inventory& before, int child_count) {
  std::vector<ipc::Process> children;
  children.reserve(static_cast<size_t>(child_count));
  for (int i = 0; i < child_count; ++i) {
    children.emplace_back("Child " + std::to_string(i), [] {});
  }
  for (const ipc::Process& child : children) {
    pollfd ended{child.pidfd(), POLLIN, 0};
    ipc::check(ipc::retry([&] { return ::poll(&ended, 1, -1); }), "poll");
  }
  say_inventory("All have ended", before);
  children.clear();  // [reap] Their destructors reap them.
}
