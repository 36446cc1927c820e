// Memory with a name, or with a descriptor, that unrelated processes can map.
//
//   auto ours = ipc::SharedMemory::create(name, sizeof(Board));
//   auto theirs = ipc::SharedMemory::open(name);   // in any other process
//   theirs.close();     // this process is done with it
//   ours.unlink();      // no process can open it any more
//
// Modelled on Python's multiprocessing.shared_memory.SharedMemory. It uses the
// same names, so either side may be Python. See shm_overview(7).
#pragma once

#include <stddef.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "common/base/unique_fd.h"

namespace ipc {

// Whether bytes that are all zero, as in new memory, make a valid T. They do
// not make a Lock, for example: zeros are an ordinary mutex, which stays locked
// when its owner dies. Zeros do make a struct of atomics, but the compiler does
// not know that, so declare it:
//   template <>
//   inline constexpr bool ipc::kZeroesMake<Board> = true;
template <typename T>
inline constexpr bool kZeroesMake =
    std::is_trivially_default_constructible_v<T>&&
        std::is_trivially_destructible_v<T> &&
    !std::is_pointer_v<T>;
template <typename T>
inline constexpr bool kZeroesMake<std::atomic<T>> = kZeroesMake<T>;

// Lifetime: close() and the destructor only unmap the memory in this process.
//           The memory is freed when it has no name and no process maps it. The
//           last process that needs the name calls unlink(), once.
// Errors:   std::system_error: EEXIST from create() if the name is taken, by
//           whatever kind of file; ENOENT from open() if there is none; EINVAL
//           for a name that is empty, longer than 255 bytes, "." or "..", or
//           has a slash, and for size 0; ENOSPC if /dev/shm has too little
//           space, ENOMEM if this process cannot have that much memory
//           (available_memory.h), each with the sizes in its text; EFBIG at the
//           limit for the size of files. No error leaves a name behind. All
//           memory is taken at creation, so using it later cannot fail. During
//           creation other processes may take what was available.
// Ordering: none of its own. A name appears when its memory is complete, so
//           every process that opens it sees what the creator's `fill` wrote.
// Fork:     the child has the same mapping, and closes it for itself.
// Death:    a creator killed at any instant leaves a complete object or none.
//           A name stays when its processes die; the next lab that begins
//           removes the stale names of names.h.
// Trust:    named memory has mode 0600, and open() refuses another user's with
//           EPERM. Its owner can still make it smaller; a reader then gets
//           SIGBUS. Anonymous memory is sealed against that.
class SharedMemory {
 public:
  // Writes the first contents, before another process can see the memory.
  using Fill = std::function<void(void* data, size_t size_bytes)>;

  // Makes memory and then its name. It has zeros, unless `fill` is given.
  static SharedMemory create(const std::string& name, size_t size_bytes,
                             const Fill& fill = {});

  // Makes memory with a T in it, constructed from `arguments` before another
  // process can see it. A process that opens the memory finds it by object().
  // Its destructor is never called: no process knows that it is the last one.
  template <typename T, typename... Arguments>
  static SharedMemory create(const std::string& name,
                             Arguments&&... arguments) {
    return create(name, kSizeWithMark<T>, [&](void* data, size_t) {
      construct<T>(data, std::forward<Arguments>(arguments)...);
    });
  }

  // Maps the memory with this name, in the size that it was created with.
  static SharedMemory open(const std::string& name);

  // Makes memory without a name, sealed so that no process can change its size.
  // Others get it by fork(2), or by its descriptor and attach().
  // See memfd_create(2).
  static SharedMemory anonymous(size_t size_bytes);
  // Does the same with a T in it, as create() constructs one.
  template <typename T, typename... Arguments>
  static SharedMemory anonymous(Arguments&&... arguments) {
    SharedMemory memory = anonymous(kSizeWithMark<T>);
    construct<T>(memory.data(), std::forward<Arguments>(arguments)...);
    return memory;
  }

  // Maps memory by a descriptor from another process. EPERM if it is not
  // sealed, because that process could then make it smaller while we use it.
  static SharedMemory attach(UniqueFd fd);

  // Removes a name; false if there is no such name.
  static bool unlink(const std::string& name);

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { close(); }

  // The beginning of the memory, at an address of this process; nullptr after
  // close(). Others map it at another address: do not put pointers in it.
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_bytes_; }
  // The memory as a T that needs no constructor. Throws std::system_error:
  // EBADF after close() (using the pointer of data() would crash the process),
  // EINVAL if the memory is too small.
  template <typename T>
  requires kZeroesMake<T>
  [[nodiscard]] T& as() const {
    check_type<T>();
    return *static_cast<T*>(checked_data(sizeof(T)));
  }
  // The T that create<T>() or anonymous<T>() has constructed. Errors as above,
  // and EINVAL if no T of this size was constructed.
  template <typename T>
  [[nodiscard]] T& object() const {
    check_type<T>();
    void* const data = checked_data(kSizeWithMark<T>);
    check_mark(mark_place<T>(data), sizeof(T));
    return *std::launder(static_cast<T*>(data));
  }
  // The name without a slash; "" if anonymous.
  [[nodiscard]] const std::string& name() const { return name_; }
  // The descriptor of anonymous memory; -1 if the memory has a name.
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Unmaps in this process; the name stays. May be repeated.
  void close();
  // Removes the name for all processes; those that map the memory keep it.
  bool unlink() const { return unlink(name_); }

 private:
  // Stored behind an object: it says that there is one, and its size.
  using Mark = std::array<uint64_t, 2>;

  template <typename T>
  static constexpr size_t kMarkOffset = (sizeof(T) + alignof(Mark) - 1) /
                                        alignof(Mark) * alignof(Mark);
  template <typename T>
  static constexpr size_t kSizeWithMark = kMarkOffset<T> + sizeof(Mark);

  template <typename T>
  static constexpr void check_type() {
    static_assert(std::is_standard_layout_v<T>,
                  "all processes must agree on where its bytes are");
    static_assert(!std::is_pointer_v<T>, "means nothing to other processes");
    static_assert(alignof(T) <= 4096, "a mapping begins at a page");
  }
  template <typename T>
  static void* mark_place(void* data) {
    return static_cast<char*>(data) + kMarkOffset<T>;
  }
  template <typename T, typename... Arguments>
  static void construct(void* data, Arguments&&... arguments) {
    check_type<T>();
    new (data) T(std::forward<Arguments>(arguments)...);
    set_mark(mark_place<T>(data), sizeof(T));
  }
  static void set_mark(void* place, size_t size_bytes);
  static void check_mark(const void* place, size_t size_bytes);

  SharedMemory(std::string name, UniqueFd fd, size_t size_bytes);
  [[nodiscard]] void* checked_data(size_t wanted_bytes) const;

  std::string name_;
  UniqueFd fd_;
  size_t size_bytes_;
  void* data_;
};

}  // namespace ipc
