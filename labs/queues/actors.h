// What the producers and the consumer do.
#pragma once

#include <string>

#include "common/channel/queue.h"

struct Task {
  std::string name;  // Of the producer's items.
  int item_count;
  bool dies = false;
};

void produce(ipc::Queue& queue, unsigned id, const Task& task);

// Takes all items of `count` producers until the queue is closed. Returns them,
// one to a line.
std::string consume(ipc::Queue& queue, size_t count);

// The same lines by their producers: "Producer 0: 0 1; Producer 1: 0 1".
std::string by_producer(const std::string& items);
