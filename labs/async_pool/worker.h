// What a worker does with a batch.
#pragma once

#include <array>
#include <atomic>

#include "common/sync/event.h"

constexpr int kItemsMax = 1000;
constexpr int kBatchItemsMax = 100;

struct Task {
  int batch;
  int first;
  int count;
  bool held = false;  // Until the gate is open.
  int deaths = 0;     // How many workers are killed in the middle of it.
  int retries = 0;
};

struct Items {
  int count;
  std::array<int, kBatchItemsMax> values;
};

// What Main and its workers share.
struct Stage {
  ipc::Event gate;
  std::atomic<int> begun{0};                         // Batches.
  std::array<std::atomic<int>, kItemsMax> deaths{};  // Of each batch.
};

// Doubles each item of a batch. All items wait at the same time, in an event
// loop of the worker's own.
Items process_batch(Stage& stage, const Task& task);
