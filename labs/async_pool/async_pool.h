// A pool whose tasks coroutines can wait for.
//
// One coroutine, watch(), waits until the pool's descriptor is readable, lets
// the pool look at what its workers have done, and wakes the other coroutines;
// each of them then asks for its own task. So no coroutine blocks the loop.
#pragma once

#include <fcntl.h>

#include <chrono>
#include <optional>
#include <utility>

#include "common/base/errors.h"
#include "common/pool/pool.h"
#include "labs/async_pool/coroutines.h"

template <typename Result, typename Argument>
class AsyncPool {
 public:
  using Outcome = ipc::Outcome<Result>;

  AsyncPool(asio::io_context& loop, ipc::Pool<Result(Argument)>& pool)
      : pool_(pool),
        // A copy: Asio closes what it has been given.
        descriptor_(loop,
                    ipc::check(::fcntl(pool.fd(), F_DUPFD_CLOEXEC, 0), "dup")),
        changed_(loop, std::chrono::steady_clock::time_point::max()) {}

  // Runs one task, with up to `retries` retries if its worker dies. The result
  // is empty if it was cancelled: it is not begun, or its outcome is dropped.
  asio::awaitable<std::optional<Outcome>> run(Argument argument, int retries) {
    auto task = pool_.start({&argument, 1}, {.retries = retries});
    while (true) {
      if (auto outcome = task.next_seen()) co_return outcome;
      asio::error_code woken;  // By changed_.cancel(), or by its own end.
      co_await changed_.async_wait(
          asio::redirect_error(asio::use_awaitable, woken));
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        co_return std::nullopt;
      }
    }
  }

  // Runs until the loop is stopped. Without it, no run() would be woken.
  asio::awaitable<void> watch() {
    while (true) {
      co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                                      asio::use_awaitable);  // [readable]
      pool_.look();
      changed_.cancel();  // [wake]
    }
  }

 private:
  ipc::Pool<Result(Argument)>& pool_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer changed_;  // Never expires: cancelled to wake all.
};
