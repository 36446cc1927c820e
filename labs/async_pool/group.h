// The coroutines of an act: one for each batch, which waits for its task.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "labs/async_pool/async_pool.h"
#include "labs/async_pool/coroutines.h"
#include "labs/async_pool/worker.h"

using Workers = AsyncPool<Items, Task>;
// One for each batch; empty for a batch that was cancelled.
using Outcomes = std::vector<std::optional<Workers::Outcome>>;

inline void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

class Group {
 public:
  Group(asio::io_context& loop, Workers& workers,
        const std::vector<Task>& tasks)
      : all_ended_(loop, std::chrono::steady_clock::time_point::max()),
        signals_(tasks.size()),
        outcomes_(tasks.size()) {
    for (size_t i = 0; i < tasks.size(); ++i) {
      asio::co_spawn(
          loop, run(workers, tasks[i], outcomes_[i]),
          asio::bind_cancellation_slot(signals_[i].slot(),
                                       [this](const std::exception_ptr& error) {
                                         rethrow(error);
                                         if (--left_ == 0) all_ended_.cancel();
                                       }));
    }
  }

  void cancel(size_t batch) {
    signals_[batch].emit(asio::cancellation_type::terminal);
  }

  // Waits until all have ended, in any order. Outcomes are in batch order.
  asio::awaitable<Outcomes> all() {
    asio::error_code woken;
    while (left_ > 0) {
      co_await all_ended_.async_wait(
          asio::redirect_error(asio::use_awaitable, woken));
    }
    co_return std::move(outcomes_);
  }

 private:
  static asio::awaitable<void> run(Workers& workers, Task task,
                                   std::optional<Workers::Outcome>& outcome) {
    outcome = co_await workers.run(task, task.retries);  // [await]
  }

  asio::steady_timer all_ended_;
  std::vector<asio::cancellation_signal> signals_;
  Outcomes outcomes_;
  size_t left_ = outcomes_.size();
};
