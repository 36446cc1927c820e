#include "common/memory/shared.h"

#include <sys/mman.h>

#include "common/base/errors.h"
#include "common/memory/available_memory.h"

namespace ipc {
namespace {

void* map_pages(size_t size_bytes) {
  // Check now: pages are taken at their first use, when it is too late to fail.
  check_available(size_bytes, "shared pages");
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_SHARED | MAP_ANONYMOUS;
  void* const data = ::mmap(nullptr, size_bytes, kProtection, kFlags, -1, 0);
  if (data == MAP_FAILED) throw_error(errno, "mmap");
  return data;
}

}  // namespace

SharedPages::SharedPages(size_t size_bytes)
    : size_bytes_(size_bytes),
      maker_(::getpid()),
      data_(map_pages(size_bytes)) {}

SharedPages::~SharedPages() { ::munmap(data_, size_bytes_); }

}  // namespace ipc
