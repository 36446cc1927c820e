// The queue of the project pipe_queue: what your source has to define.
//
// The items go through one pipe. Through the other one go the places: a byte
// for each place that is free. Who puts takes a place first, and waits if there
// is none; who has got an item gives its place back. The lock file is for what
// takes more than one system call.
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

  // What a process calls first, after fork(2): it only puts, only gets, or does
  // neither. No process does both.
  void be_producer();
  void be_consumer();
  void be_neither();

  // Waits for a place, and puts the item: 0 to kItemMax bytes. Throws if no
  // consumer is left.
  void put(std::string_view item);

  // Waits for an item. Nothing if no producer is left, and no item.
  std::optional<std::string> get();

 private:
  Pipe items_;
  Pipe places_;
  std::string lock_file_;
  int lock_ = -1;
};
