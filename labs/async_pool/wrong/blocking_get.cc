// Wrong: the loop waits for a task with a call that blocks.
//
// The loop has one thread, which stands still in that call. The next handler in
// the loop would open the gate that the task waits for, but its turn never
// comes. A coroutine that blocks instead of using co_await does the same.

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/pool/pool.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

std::string lesson() {
  const ipc::Shared<ipc::Event> gate;
  ipc::Pool<int(int)> pool(1, [&](int item) {
    gate->wait();
    return 2 * item;
  });
  asio::io_context loop(1);
  asio::post(loop, [&] {
    auto future = pool.submit(0);
    ipc::say("Batch 0: {}", future.get());  // Blocks.
  });
  asio::post(loop, [&] { gate->set(); });
  loop.run();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("blocking_get", "Coroutines that wait for worker processes.");
  return lab.run(argc, argv, lesson);
}
