// Compares ipc::Process with the calls that it makes: a child that ends at once
// is started and joined. The parent is either small, or it has 1 GiB of memory:
// fork(2) must copy the page tables of that, which a child that calls exec does
// not need. The program is tiny.cc, linked statically, without arguments.
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "benchmarks/bench.h"
#include "benchmarks/tiny.h"
#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/process/process.h"

namespace ipc::bench {
namespace {

constexpr size_t kBallastBytes = 1 << 30;
constexpr size_t kPageBytes = 4096;

void expect_ended(int status) {
  if (status != 0) throw std::runtime_error(describe_status(status));
}

void wait_for(pid_t pid) {
  int status = 0;
  check(retry([&] { return ::waitpid(pid, &status, 0); }), "waitpid");
  expect_ended(status);
}

void start_process() {
  expect_ended(Process("Child", [] {}).join());
}

void start_program() {
  static const std::string path = tiny_program();
  expect_ended(Process::spawn("Child", {path}).join());
}

void start_by_fork() {
  const pid_t pid = check(::fork(), "fork");
  if (pid == 0) ::_exit(0);
  wait_for(pid);
}

void start_by_spawn() {
  static std::string path = tiny_program();
  char* arguments[] = {path.data(), nullptr};
  pid_t pid = -1;
  check_zero(
      ::posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments, environ),
      "posix_spawn");
  wait_for(pid);
}

Figure from_small(Placement place, void (*start)()) {
  return run(place, {[=](Lane& lane) {
               while (lane.goes_on()) {
                 start();
                 lane.did_long();
               }
             }});
}

// Takes private memory in pages of 4 KiB, and writes to each page.
void take_ballast() {
  void* const begin = ::mmap(nullptr, kBallastBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw_error(errno, "mmap");
  // A kernel without huge pages returns EINVAL, which is fine as well.
  (void)::madvise(begin, kBallastBytes, MADV_NOHUGEPAGE);
  auto* const bytes = static_cast<volatile char*>(begin);
  for (size_t i = 0; i < kBallastBytes; i += kPageBytes) bytes[i] = 1;
}

// Taking the memory takes half a second, and a fork some 40 ms.
Figure from_big(Placement place, void (*start)()) {
  const Shared<std::atomic<bool>> prepared(false);
  return run(place, {[&](Lane& lane) {
               take_ballast();
               *prepared = true;
               while (lane.goes_on()) {
                 start();
                 lane.did_long();
               }
             }},
             {.warm_s = 0.05, .measured_s = 0.15, .prepared = &*prepared});
}

const Bench benches([] {
  const struct {
    const char* name;
    void (*start)();
  } kinds[] = {{"Process", start_process},
               {"Process_spawn", start_program},
               {"fork_waitpid", start_by_fork},
               {"posix_spawn", start_by_spawn}};
  for (const auto& [name, start] : kinds) {
    contend("process_start", name, {Placement::same, Placement::free},
            [start = start](Placement p) { return from_small(p, start); });
  }
  for (const auto& [name, start] : kinds) {
    contend("process_start_1GiB", name, {Placement::same},
            [start = start](Placement p) { return from_big(p, start); });
  }
});

}  // namespace
}  // namespace ipc::bench
