// Memory with a name, or with a descriptor, that unrelated processes can map.
//
//   auto ours = ipc::SharedMemory::create(name, sizeof(Board));
//   auto theirs = ipc::SharedMemory::open(name);   // in any other process
//   theirs.close();     // this process is done with it
//   ours.unlink();      // nobody can open it any more
//
// After Python's multiprocessing.shared_memory.SharedMemory, and by the same
// names: either side may be Python. See shm_overview(7).
#pragma once

#include <stddef.h>

#include <functional>
#include <string>
#include <type_traits>

#include "common/unique_fd.h"

namespace ipc {

// Lifetime: close() and the destructor unmap for this process and nothing else.
//           The memory itself goes when it has no name and nobody maps it:
//           whoever is last to need the name calls unlink(), once.
// Errors:   std::system_error: EEXIST from create() if the name is there, as
//           whatever; ENOENT from open() if it is not; EINVAL for a name that
//           is empty, longer than 255 bytes, "." or "..", or has a slash, and
//           for size 0; ENOSPC with the size asked and the space that is free.
//           No error leaves a name behind.
// Ordering: none of its own. A name appears when its memory is complete, so
//           what the creator's `fill` wrote is seen by all who open it.
// Fork:     the child has the same mapping, and closes it for itself.
// Death:    a creator killed at any instant leaves a complete object or none.
//           A name stays when its processes die; the names of names.h are swept
//           when the next lab begins.
// Trust:    named memory has mode 0600 and is opened only if it is ours; its
//           owner could still make it smaller, and then a reader gets SIGBUS.
//           Anonymous memory is sealed against that.
class SharedMemory {
 public:
  // Writes the first contents, before anybody else can see the memory.
  using Fill = std::function<void(void* data, size_t size_bytes)>;

  // Makes memory and then its name; zeros, unless `fill` is given.
  static SharedMemory create(const std::string& name, size_t size_bytes,
                             const Fill& fill = {});

  // Maps what `name` stands for. It has the size that it was created with.
  static SharedMemory open(const std::string& name);

  // Makes memory without a name, sealed so that nobody can change its size.
  // Others get it by fork(2), or by its descriptor and attach().
  // See memfd_create(2).
  static SharedMemory anonymous(size_t size_bytes);

  // Maps memory by a descriptor from another process. EPERM if it is not
  // sealed, because then that process could pull it away under our feet.
  static SharedMemory attach(UniqueFd fd);

  // Removes a name; false if there is none.
  static bool unlink(const std::string& name);

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { close(); }

  // The beginning of the memory, at an address of this process; nullptr after
  // close(). Others have it elsewhere: put no pointers in it.
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_bytes_; }
  // The object that lies there: std::system_error, EBADF after close() (the
  // pointer of data() would end the process), EINVAL if it is too small.
  template <typename T>
  [[nodiscard]] T& as() const {
    static_assert(std::is_standard_layout_v<T>);
    return *static_cast<T*>(checked_data(sizeof(T)));
  }
  // The name without a slash; "" if anonymous.
  [[nodiscard]] const std::string& name() const { return name_; }
  // The descriptor of anonymous memory, -1 of named.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Unmaps for this process; the name stays. May be repeated.
  void close();
  // Removes the name for everybody; those who have the memory keep it.
  bool unlink() const { return unlink(name_); }

 private:
  SharedMemory(std::string name, UniqueFd fd, size_t size_bytes);
  [[nodiscard]] void* checked_data(size_t wanted_bytes) const;

  std::string name_;
  UniqueFd fd_;
  size_t size_bytes_;
  void* data_;
};

}  // namespace ipc
