// One object in memory that a process shares with the children it forks.
//
//   ipc::Shared<Board> board(arguments...);   // before the fork
//   ipc::Process child("Child", [&] { board->score = 7; });
//
// An ordinary variable is copied by fork(2); this one is not: its pages are
// the same in parent and child, at the same address. There is no name, so
// nobody else can reach it and nothing can be left behind.
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include <new>
#include <type_traits>
#include <utility>

namespace ipc {

// Zeroed pages shared with the children of this process: mmap(2) with
// MAP_SHARED and MAP_ANONYMOUS. What Shared, Value and Array are made of.
//
// Lifetime: the destructor unmaps for its own process; the pages go with the
//           last process that has them.
// Errors:   std::system_error, ENOMEM if there is not so much memory for this
//           process now (available_memory.h). It is taken page by page when it
//           is first used, so what others take meanwhile may be missing then.
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
  // Whether this process made the pages and did not inherit them.
  [[nodiscard]] bool is_maker() const { return maker_ == ::getpid(); }

  // mmap(2) begins at a page, and this is the smallest there is.
  static constexpr size_t kAlignment = 4096;

 private:
  size_t size_bytes_;
  pid_t maker_;
  void* data_;
};

// Lifetime: the object is constructed by the constructor and destroyed by the
//           destructor in the process that made it, which must outlive the
//           others' use. In a child the destructor only unmaps.
// Requires: an object that means the same in every process: no pointers to
//           memory of one process, so no std::string and no containers. The
//           compiler cannot look for pointers inside T: this is your part.
// Ordering: none of its own; what T is has to provide it (atomics, a Lock).
// Death:    the memory stays as the dead process left it, maybe half changed.
// See:      mmap(2), fork(2); Python's multiprocessing.sharedctypes.
template <typename T>
class Shared {
  static_assert(!std::is_pointer_v<T> && !std::is_reference_v<T>,
                "the memory that it points to would not be shared");
  static_assert(!std::is_polymorphic_v<T>,
                "virtual functions are found by a pointer");
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
