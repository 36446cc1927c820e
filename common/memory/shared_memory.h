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

// Whether bytes that are all zero are a T, as memory is that was just made.
// They are no Lock, for example: that would be an ordinary mutex, which its
// owner's death leaves locked. For a struct with atomics, which are zero as
// well, say it:
//   template <>
//   inline constexpr bool ipc::kZeroesMake<Board> = true;
template <typename T>
inline constexpr bool kZeroesMake =
    std::is_trivially_default_constructible_v<T>&&
        std::is_trivially_destructible_v<T> &&
    !std::is_pointer_v<T>;
template <typename T>
inline constexpr bool kZeroesMake<std::atomic<T>> = kZeroesMake<T>;

// Lifetime: close() and the destructor unmap for this process and nothing else.
//           The memory itself goes when it has no name and nobody maps it:
//           whoever is last to need the name calls unlink(), once.
// Errors:   std::system_error: EEXIST from create() if the name is there, as
//           whatever; ENOENT from open() if it is not; EINVAL for a name that
//           is empty, longer than 255 bytes, "." or "..", or has a slash, and
//           for size 0; ENOSPC if there is no such space in /dev/shm, ENOMEM if
//           there is no such memory for this process (available_memory.h), both
//           with the size asked and what there is; EFBIG at the limit for the
//           size of files. No error leaves a name behind. The memory is taken
//           at once: what was made can be used, unless others are faster to
//           take what is available.
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

  // Makes memory with a T in it, constructed from `arguments` before anybody
  // can see it. Whoever opens it finds it by object(). Its destructor is called
  // by nobody, for nobody knows who is the last.
  template <typename T, typename... Arguments>
  static SharedMemory create(const std::string& name,
                             Arguments&&... arguments) {
    return create(name, kSizeWithMark<T>, [&](void* data, size_t) {
      construct<T>(data, std::forward<Arguments>(arguments)...);
    });
  }

  // Maps what `name` stands for. It has the size that it was created with.
  static SharedMemory open(const std::string& name);

  // Makes memory without a name, sealed so that nobody can change its size.
  // Others get it by fork(2), or by its descriptor and attach().
  // See memfd_create(2).
  static SharedMemory anonymous(size_t size_bytes);
  // The same with a T in it, as create() makes one.
  template <typename T, typename... Arguments>
  static SharedMemory anonymous(Arguments&&... arguments) {
    SharedMemory memory = anonymous(kSizeWithMark<T>);
    construct<T>(memory.data(), std::forward<Arguments>(arguments)...);
    return memory;
  }

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
  // The memory as a T that needs no constructor: std::system_error, EBADF after
  // close() (the pointer of data() would end the process), EINVAL if it is too
  // small.
  template <typename T>
  requires kZeroesMake<T>
  [[nodiscard]] T& as() const {
    check_type<T>();
    return *static_cast<T*>(checked_data(sizeof(T)));
  }
  // The T that create<T>() or anonymous<T>() has constructed:
  // std::system_error, as above, and EINVAL if there is none.
  template <typename T>
  [[nodiscard]] T& object() const {
    check_type<T>();
    void* const data = checked_data(kSizeWithMark<T>);
    check_mark(mark_place<T>(data), sizeof(T));
    return *std::launder(static_cast<T*>(data));
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
  // Behind an object: that there is one, and of which size.
  using Mark = std::array<uint64_t, 2>;

  template <typename T>
  static constexpr size_t kMarkOffset = (sizeof(T) + alignof(Mark) - 1) /
                                        alignof(Mark) * alignof(Mark);
  template <typename T>
  static constexpr size_t kSizeWithMark = kMarkOffset<T> + sizeof(Mark);

  template <typename T>
  static constexpr void check_type() {
    static_assert(std::is_standard_layout_v<T>,
                  "all processes must agree where its bytes are");
    static_assert(!std::is_pointer_v<T>, "it means nothing to other processes");
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
