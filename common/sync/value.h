// Numbers that processes share, each with a lock. Modelled on Value and Array
// of Python's multiprocessing.
//
//   ipc::Value<int> counter(0);                 // before the fork
//   {
//     ipc::Guard guard(counter.get_lock());     // in each process
//     counter.value() += 1;
//   }
//
// Python's typecodes are C++ types here: 'i' is int, 'd' is double, 'c' is
// char. A struct of such types works as well.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/sync/lock.h"

namespace ipc {

// One T and the lock that guards it.
//
// Lifetime: maps memory of its own; see shared.h. Create it before the fork, in
//           a process that outlives the others' use.
// Blocks:   get_lock() only returns the lock; locking it waits. value() does
//           not lock: `value() += 1` is a load and a store, and if you do not
//           hold the lock, another process may come between the two. (Python's
//           value locks each of the two separately, which does not help.)
// Ordering: that of the lock.
// Death:    if a process dies while it holds the lock, the next Guard says
//           owner_died(): the value may be half changed. If it dies while it
//           changes the value without the lock, no process learns of it.
template <typename T>
class Value {
  static_assert(std::is_trivially_copyable_v<T>,
                "its bytes must be all there is to it: what it points to, as "
                "std::string does, would not be shared");

 public:
  explicit Value(const T& initial = T{}) : cell_(initial) {}

  [[nodiscard]] Lock& get_lock() const { return cell_->lock; }
  [[nodiscard]] T& value() const { return cell_->value; }

 private:
  struct Cell {
    explicit Cell(const T& initial) : value(initial) {}
    Lock lock;
    T value;  // Guarded by `lock`.
  };

  Shared<Cell> cell_;
};

// A fixed number of T and one lock that guards them all. In all else it is like
// Value.
template <typename T>
class Array {
  static_assert(std::is_trivially_copyable_v<T>,
                "its bytes must be all there is to it: what it points to, as "
                "std::string does, would not be shared");
  static_assert(alignof(T) <= SharedPages::kAlignment / 2);

 public:
  // Holds `size_items` items, each of which is T{}: zero for a number.
  explicit Array(size_t size_items)
      : pages_(size_bytes(size_items)),
        lock_(new (pages_.data()) Lock),
        items_(first_item(), size_items) {
    std::uninitialized_fill(items_.begin(), items_.end(), T{});
  }
  Array(std::initializer_list<T> items) : Array(items.size()) {
    std::copy(items.begin(), items.end(), items_.begin());
  }

  [[nodiscard]] Lock& get_lock() const { return *lock_; }

  // These do not lock; IPC_CHECK for an index out of range.
  [[nodiscard]] size_t size() const { return items_.size(); }
  [[nodiscard]] T& operator[](size_t index) const {
    IPC_CHECK(index < items_.size());
    return items_[index];
  }
  [[nodiscard]] std::span<T> span() const { return items_; }

  // Returns a copy of all items as they were at one moment, made under the
  // lock. If an owner of the lock has died, they may be half changed. This call
  // does not say so, but the next Guard still does.
  [[nodiscard]] std::vector<T> snapshot() const {
    const Guard guard(*lock_);
    return {items_.begin(), items_.end()};
  }

 private:
  // The items begin at a multiple of their alignment behind the lock.
  static constexpr size_t kOffset =
      (sizeof(Lock) + alignof(T) - 1) / alignof(T) * alignof(T);

  static size_t size_bytes(size_t size_items) {
    if (size_items > (SIZE_MAX / 2 - kOffset) / sizeof(T)) {
      throw_error(ENOMEM, "Array");
    }
    return kOffset + size_items * sizeof(T);
  }

  T* first_item() {
    return reinterpret_cast<T*>(static_cast<std::byte*>(pages_.data()) +
                                kOffset);
  }

  SharedPages pages_;
  Lock* lock_;
  std::span<T> items_;
};

}  // namespace ipc
