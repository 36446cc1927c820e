#include "labs/async_pool/worker.h"

#include <signal.h>

#include <chrono>
#include <exception>

#include "common/lab/lab.h"
#include "labs/async_pool/coroutines.h"

namespace {

constexpr double kItemS = 0.1;

// Simulates a wait for something outside, as the guide does.
asio::awaitable<void> double_item(int item, int& value) {  // [coroutine]
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::nanoseconds(
      static_cast<int64_t>(1e9 * ipc::paced_s(kItemS))));
  co_await timer.async_wait(asio::use_awaitable);  // [sleep]
  value = 2 * item;
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

Items process_batch(Stage& stage, const Task& task) {
  ++stage.begun;
  if (task.held) stage.gate.wait();
  Items items{.count = task.count, .values = {}};
  // Never a loop from before the fork.
  asio::io_context loop(1);  // [own-loop]
  for (int i = 0; i < task.count; ++i) {
    asio::co_spawn(  // [spawn]
        loop,
        double_item(task.first + i, items.values.at(static_cast<size_t>(i))),
        rethrow);
  }
  loop.run();  // [run]
  std::atomic<int>& deaths = stage.deaths.at(static_cast<size_t>(task.batch));
  if (deaths < task.deaths) {
    ++deaths;  // The work is done, but no result has been sent.
    ::raise(SIGKILL);
  }
  return items;
}
