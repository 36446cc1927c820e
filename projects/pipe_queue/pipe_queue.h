// The queue of the project pipe_queue: what your source must define.
//
// The items go through one pipe. The other pipe holds one byte for each free
// place. A producer takes a place first, and waits if there is none. A consumer
// that has got an item gives its place back. The lock file protects what takes
// more than one system call.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

constexpr size_t kItemMax = 200'000;  // Bytes; a pipe holds 65,536.

// Both ends of a pipe; -1 if this process has closed that end.
struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

class PipeQueue {
 public:
  // Makes both pipes and the lock file, before any fork(2).
  PipeQueue(int capacity, std::string lock_file);
  PipeQueue(const PipeQueue&) = delete;
  PipeQueue& operator=(const PipeQueue&) = delete;
  PipeQueue(PipeQueue&&) = delete;
  PipeQueue& operator=(PipeQueue&&) = delete;

  // Closes what this process has open.
  ~PipeQueue();

  // After fork(2) a process first calls one of these: from then on it only
  // puts, only gets, or does neither. No process does both.
  void be_producer();
  void be_consumer();
  void be_neither();

  // Waits for a place, and puts the item, of 0 to kItemMax bytes. Throws an
  // exception if no consumer is left, even while it waits.
  void put(std::string_view item);

  // Waits for an item and returns it. Returns nothing when neither a producer
  // nor an item is left.
  std::optional<std::string> get();

 private:
  Pipe items_;
  Pipe places_;
  std::string lock_file_;
  int lock_ = -1;
};
