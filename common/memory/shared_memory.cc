#include "common/memory/shared_memory.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/errors.h"
#include "common/memory/available_memory.h"
#include "common/process/signals.h"

namespace ipc {
namespace {

// Where shm_open(3) of glibc has its objects.
constexpr const char* kFolder = "/dev/shm";

// The bytes that one call of posix_fallocate(3) allocates. A signal undoes the
// whole call, so with a timer signal a large call would never complete.
constexpr size_t kStepBytes = size_t{4} << 20U;

constexpr uint64_t kMark = 0x6a6563742d637069;

void check_name(const std::string& name) {
  if (name.empty() || name.size() > NAME_MAX || name == "." || name == ".." ||
      name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    throw_error(EINVAL, ("shared memory '" + name + "'").c_str());
  }
}

// Bytes that are free on the file system of `fd`; nothing for a memfd, which
// has none.
std::optional<size_t> free_bytes(int fd) {
  struct statvfs disk {};
  if (::fstatvfs(fd, &disk) == -1 || disk.f_blocks == 0) return std::nullopt;
  return disk.f_bavail * disk.f_frsize;
}

[[noreturn]] void throw_no_space(int error, int fd, size_t size_bytes) {
  std::string call =
      "shared memory of " + std::to_string(size_bytes) + " bytes";
  if (const auto free = free_bytes(fd)) {
    call += ", " + std::to_string(*free) + " free in " + kFolder;
  }
  throw_error(error, call.c_str());
}

// ftruncate(2) would only promise the memory: with a full /dev/shm, SIGBUS
// would kill the process at the first access to a page that is missing.
void allocate(int fd, size_t size_bytes) {
  if (size_bytes == 0) throw_error(EINVAL, "shared memory of 0 bytes");
  // Check first, so as not to fill the disk before failing.
  if (free_bytes(fd).value_or(size_bytes) < size_bytes) {
    throw_no_space(ENOSPC, fd, size_bytes);
  }
  // The same for memory: if it runs out, the kernel kills a process.
  check_available(size_bytes, "shared memory");
  const SizeLimitIsAnError no_signal;
  for (size_t done = 0; done < size_bytes;) {
    const size_t step = std::min(kStepBytes, size_bytes - done);
    // posix_fallocate(3) returns the error and does not set errno.
    const int error = ::posix_fallocate(fd, static_cast<off_t>(done),
                                        static_cast<off_t>(step));
    if (error == EINTR) continue;
    if (error != 0) throw_no_space(error, fd, size_bytes);
    done += step;
  }
}

// All users share the folder: the name may be that of another user's file.
void check_owner(int fd) {
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  if (status.st_uid != ::geteuid()) {
    throw_error(EPERM, "shared memory of another user");
  }
}

size_t size_of_file(int fd) {
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  // A FIFO, or memory whose creator, another program, has not sized it yet.
  if (status.st_size == 0) throw_error(EINVAL, "shared memory of 0 bytes");
  return static_cast<size_t>(status.st_size);
}

void* map(int fd, size_t size_bytes) {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  void* const data =
      ::mmap(nullptr, size_bytes, kProtection, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) throw_error(errno, "mmap");
  return data;
}

}  // namespace

SharedMemory::SharedMemory(std::string name, UniqueFd fd, size_t size_bytes)
    : name_(std::move(name)),
      fd_(std::move(fd)),
      size_bytes_(size_bytes),
      data_(map(fd_.get(), size_bytes)) {}

SharedMemory SharedMemory::create(const std::string& name, size_t size_bytes,
                                  const Fill& fill) {
  check_name(name);
  // A file without a name: a creator that dies here leaves nothing.
  constexpr int kFlags = O_TMPFILE | O_RDWR | O_CLOEXEC;
  UniqueFd fd(check(::open(kFolder, kFlags, 0600), "open O_TMPFILE"));
  allocate(fd.get(), size_bytes);
  SharedMemory memory(name, std::move(fd), size_bytes);
  if (fill) fill(memory.data(), size_bytes);
  // A single step, which fails if the name exists. See open(2), "O_TMPFILE".
  const std::string from = "/proc/self/fd/" + std::to_string(memory.fd());
  const std::string to = std::string(kFolder) + "/" + name;
  check(
      ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW),
      ("create shared memory '" + name + "'").c_str());
  memory.fd_.reset();
  return memory;
}

SharedMemory SharedMemory::open(const std::string& name) {
  check_name(name);
  // shm_open(3) adds O_CLOEXEC and O_NOFOLLOW. O_RDWR does not wait on a FIFO.
  UniqueFd fd(check(::shm_open(name.c_str(), O_RDWR, 0),
                    ("open shared memory '" + name + "'").c_str()));
  check_owner(fd.get());
  const size_t size_bytes = size_of_file(fd.get());
  SharedMemory memory(name, std::move(fd), size_bytes);
  memory.fd_.reset();
  return memory;
}

SharedMemory SharedMemory::anonymous(size_t size_bytes) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd fd(check(::memfd_create("ipc-labs", kFlags), "memfd_create"));
  allocate(fd.get(), size_bytes);
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  check(::fcntl(fd.get(), F_ADD_SEALS, kSeals), "fcntl F_ADD_SEALS");
  return {"", std::move(fd), size_bytes};
}

SharedMemory SharedMemory::attach(UniqueFd fd) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals == -1 || (seals & F_SEAL_SHRINK) == 0) {
    throw_error(EPERM, "attach to memory that is not sealed");
  }
  const size_t size_bytes = size_of_file(fd.get());
  return {"", std::move(fd), size_bytes};
}

bool SharedMemory::unlink(const std::string& name) {
  check_name(name);
  if (::shm_unlink(name.c_str()) == 0) return true;
  if (errno != ENOENT) throw_error(errno, "shm_unlink");
  return false;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::move(other.fd_)),
      size_bytes_(std::exchange(other.size_bytes_, 0)),
      data_(std::exchange(other.data_, nullptr)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  if (this == &other) return *this;
  close();
  name_ = std::move(other.name_);
  fd_ = std::move(other.fd_);
  size_bytes_ = std::exchange(other.size_bytes_, 0);
  data_ = std::exchange(other.data_, nullptr);
  return *this;
}

// A number that marks an object, and its size. Without them two programs that
// use one name for different types would misread each other's bytes.
void SharedMemory::set_mark(void* place, size_t size_bytes) {
  const Mark mark{kMark, size_bytes};
  memcpy(place, mark.data(), sizeof mark);
}

void SharedMemory::check_mark(const void* place, size_t size_bytes) {
  const Mark mark{kMark, size_bytes};
  if (memcmp(place, mark.data(), sizeof mark) != 0) {
    throw_error(EINVAL, "access to an object that was not constructed");
  }
}

void* SharedMemory::checked_data(size_t wanted_bytes) const {
  if (data_ == nullptr) throw_error(EBADF, "access to closed shared memory");
  if (size_bytes_ < wanted_bytes) {
    throw_error(EINVAL, "access beyond the shared memory");
  }
  return data_;
}

void SharedMemory::close() {
  if (data_ != nullptr) ::munmap(data_, size_bytes_);
  data_ = nullptr;
  size_bytes_ = 0;
  fd_.reset();
}

}  // namespace ipc
