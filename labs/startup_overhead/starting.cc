#include "labs/startup_overhead/starting.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/base/errors.h"
#include "common/process/process.h"

namespace {

constexpr size_t kPageBytes = 4096;

long faults() {
  rusage usage{};
  ipc::check(::getrusage(RUSAGE_SELF, &usage), "getrusage");
  return usage.ru_minflt;
}

}  // namespace

void start_thread() {
  std::jthread([] {}).join();
}

void fork_process() {
  if (ipc::Process("Fork", [] {}).join() != 0) {
    throw std::runtime_error("the child failed");
  }
}

void spawn_program(const char* path) {
  // It reports at once if the program is not there; fork and exec would not.
  ipc::Process program = ipc::Process::spawn("Program", {path});  // [spawn]
  if (program.join() != 0) {
    throw std::runtime_error(std::string(path) + " failed");
  }
}

Ballast::Ballast(size_t megabytes) : bytes_(megabytes << 20U) {
  if (bytes_ == 0) return;
  void* const begin = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) ipc::throw_error(errno, "mmap");
  // Pages of 2 MiB would make the page tables small, and the lesson too. A
  // kernel without them says EINVAL, and that is as good.
  (void)::madvise(begin, bytes_, MADV_NOHUGEPAGE);
  begin_ = static_cast<volatile char*>(begin);
  write_pages();
}

Ballast::~Ballast() {
  if (bytes_ > 0) ::munmap(const_cast<char*>(begin_), bytes_);
}

size_t Ballast::page_count() const { return bytes_ / kPageBytes; }

long Ballast::read_pages() {
  const long before = faults();
  for (size_t i = 0; i < bytes_; i += kPageBytes) (void)begin_[i];
  return faults() - before;
}

long Ballast::write_pages() {
  const long before = faults();
  for (size_t i = 0; i < bytes_; i += kPageBytes) begin_[i] = 1;
  return faults() - before;
}

long page_tables_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long kib = 0;
    if (word == "VmPTE:" && status >> kib) return kib;
  }
  throw std::runtime_error("no VmPTE in /proc/self/status");
}
