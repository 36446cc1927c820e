// The generator and the workers, and what Main does when one of them ends.
#pragma once

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "channel.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "roles.h"

// The generator and the workers. A worker that is killed is replaced here, but
// its task is not: the broker gives it to another worker.
class Crew {
 public:
  Crew(const Queues& queues, Counters& counters, int worker_count)
      : queues_(queues), counters_(counters), worker_count_(worker_count) {
    processes_.emplace_back("Generator", [this] { generate(queues_); });
    ids_.push_back(kNoWorker);
    for (int i = 0; i < worker_count_; ++i) add_worker();
  }

  [[nodiscard]] bool empty() const { return processes_.empty(); }

  // Waits until a process has ended, and replaces a worker that was killed.
  // Returns false if `fd` became readable instead.
  bool await_end(int fd = -1) {
    const size_t index = ipc::wait_any(processes_, fd);
    if (index == processes_.size()) return false;
    ipc::Process process = std::move(processes_[index]);
    processes_.erase(processes_.begin() + static_cast<ptrdiff_t>(index));
    const int id = ids_[index];
    ids_.erase(ids_.begin() + static_cast<ptrdiff_t>(index));
    const int status = process.join();
    if (status == 0) return true;
    ipc::say("{} was {}", process.name(), ipc::describe_status(status));
    if (status != -SIGKILL || id == kNoWorker)
      throw std::runtime_error(process.name() + " failed");
    add_worker();  // [restart]
    return true;
  }

  // Whether nothing is left to do: all living workers consume, the broker has
  // noticed all deaths, and no task waits for a worker.
  [[nodiscard]] bool settled(Channel& channel) const {
    const Channel::Counts counts = channel.counts(queues_.tasks);
    return counts.ready == 0 &&
           counts.consumers == static_cast<uint32_t>(worker_count_) &&
           std::ranges::all_of(ids_, [this](int id) {
             return id == kNoWorker ||
                    counters_.consuming.at(static_cast<size_t>(id));
           });
  }

 private:
  static constexpr int kNoWorker = -1;

  void add_worker() {
    const int id = started_++;
    if (id == kWorkersMax) throw std::runtime_error("worker after worker dies");
    ids_.push_back(id);
    processes_.emplace_back("Worker " + std::to_string(id),
                            [this, id] { work(queues_, counters_, id); });
  }

  const Queues& queues_;
  Counters& counters_;
  int worker_count_;
  std::vector<ipc::Process> processes_;
  std::vector<int> ids_;  // One for each process.
  int started_ = 0;
};
