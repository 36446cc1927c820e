// A bounded queue for many producers and consumers, over two pipes and a lock
// file. See README.md, and pipe_queue.h for what each function promises.

#include <utility>

#include "projects/pipe_queue/pipe_queue.h"

PipeQueue::PipeQueue(int /*capacity*/, std::string lock_file)
    : lock_file_(std::move(lock_file)) {
  // TODO: make the pipes and open the lock file; put the places into the pipe.
}

PipeQueue::~PipeQueue() { be_neither(); }

void PipeQueue::be_producer() {
  // TODO: close the ends that a producer does not use.
}

void PipeQueue::be_consumer() {
  // TODO: close the ends that a consumer does not use.
}

void PipeQueue::be_neither() {
  // TODO: close all ends.
}

void PipeQueue::put(std::string_view /*item*/) {
  // TODO: take a place; then write the item, whole, and not mixed with others.
  (void)places_;
  (void)lock_;
}

std::optional<std::string> PipeQueue::get() {
  // TODO: read an item, whole; then give its place back.
  (void)items_;
  return {};
}
