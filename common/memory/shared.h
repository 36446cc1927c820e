// One object in memory that a process shares with the children it forks.
//
//   ipc::Shared<Board> board(arguments...);   // before the fork
//   ipc::Process child("Child", [&] { board->score = 7; });
//
// fork(2) copies an ordinary variable, but not this one: its pages are the same
// in parent and child, at the same address. It has no name, so no other process
// can reach it and nothing can be left behind.
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include <new>
#include <type_traits>
#include <utility>

namespace ipc {

// Zeroed pages shared with the children of this process: mmap(2) with
// MAP_SHARED and MAP_ANONYMOUS. Shared, Value and Array are made of them.
//
// Lifetime: the destructor unmaps the pages in its own process only; they are
//           freed when the last process that has them unmaps them or ends.
// Errors:   std::system_error; ENOMEM if this process cannot have that much
//           memory now (available_memory.h). Each page is taken at its first
//           use, so memory may run out later if other processes take it first.
// Fork:     the child has the same pages at the same address.
class SharedPages {
 public:
  explicit SharedPages(size_t size_bytes);
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;
  SharedPages(SharedPages&&) = delete;
  SharedPages& operator=(SharedPages&&) = delete;
  ~SharedPages();

  [[nodiscard]] void* data() const { return data_; }
  // Whether this process made the pages, rather than inherited them.
  [[nodiscard]] bool is_maker() const { return maker_ == ::getpid(); }

  // mmap(2) begins at a page, and this is the smallest page size.
  static constexpr size_t kAlignment = 4096;

 private:
  size_t size_bytes_;
  pid_t maker_;
  void* data_;
};

// Lifetime: the constructor constructs the object. The destructor destroys it
//           in the process that made it, after all others have finished with
//           it. In a child the destructor only unmaps.
// Requires: an object that means the same in every process. It must not point
//           to memory of one process, so std::string and containers are out.
//           The compiler cannot find pointers inside T: you must check that.
// Ordering: none of its own; T must provide it, by atomics or a Lock.
// Death:    the memory stays as the dead process left it, maybe half changed.
// See:      mmap(2), fork(2); Python's multiprocessing.sharedctypes.
template <typename T>
class Shared {
  static_assert(!std::is_pointer_v<T> && !std::is_reference_v<T>,
                "the memory that T points to would not be shared");
  static_assert(!std::is_polymorphic_v<T>,
                "a virtual function is found through a pointer of one process");
  static_assert(alignof(T) <= SharedPages::kAlignment);

 public:
  template <typename... Args>
  explicit Shared(Args&&... args)
      : pages_(sizeof(T)),
        object_(new (pages_.data()) T(std::forward<Args>(args)...)) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  Shared(Shared&&) = delete;
  Shared& operator=(Shared&&) = delete;
  ~Shared() {
    if (pages_.is_maker()) object_->~T();
  }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  [[nodiscard]] T* get() const { return object_; }

 private:
  SharedPages pages_;
  T* object_;
};

}  // namespace ipc
