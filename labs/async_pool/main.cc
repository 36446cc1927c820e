// async_pool: coroutines on an event loop, and processes that do the work.
//
//   Main: one thread, one loop         Worker 1, Worker 2: a loop each
//     coroutine for batch 0  --task-->   ten coroutines, which wait together
//     ...                    <-items--
//
// Watch for: Main waits for ten batches and for other things, and blocks for
// none of them. A batch whose worker is killed costs the others nothing.
// Try: --batch=1, and then --batch=100. How does the run time change, and why?

#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/pool/pool.h"
#include "common/report/report.h"
#include "labs/async_pool/group.h"
#include "labs/async_pool/worker.h"

namespace {

constexpr int kWorkers = 2;

int item_count = 100;
int batch_items = 10;

std::vector<Task> make_tasks(bool held) {
  std::vector<Task> tasks;
  for (int first = 0; first < item_count; first += batch_items) {
    tasks.push_back({.batch = static_cast<int>(tasks.size()),
                     .first = first,
                     .count = std::min(batch_items, item_count - first),
                     .held = held});
  }
  return tasks;
}

// Says what became of each batch. Returns how many items came.
int tell(const Outcomes& outcomes) {
  int items = 0;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i]) {
      ipc::say("Batch {}: cancelled", i);
    } else if (!*outcomes[i]) {
      ipc::say("Batch {}: {}", i, outcomes[i]->text());
    } else {
      const Items& batch = outcomes[i]->get();
      const std::span<const int> values(batch.values.data(),
                                        static_cast<size_t>(batch.count));
      ipc::say("Batch {}: {}", i, fmt::join(values, " "));
      items += batch.count;
    }
  }
  ipc::say("Processed {} of {} items using a process pool and Asio", items,
           item_count);
  return items;
}

asio::awaitable<std::string> acts(asio::io_context& loop, Workers& workers,
                                  Stage& stage) {
  ipc::say("Act 1: the workers are held up, and the loop is not");
  Group first(loop, workers, make_tasks(true));
  asio::post(loop, [&] {  // [other]
    ipc::say("Main has time to open the gate");
    stage.gate.set();
  });
  if (tell(co_await first.all()) != item_count) co_return "items are missing";

  ipc::say("Act 2: two workers are killed, and one batch may be done again");
  std::vector<Task> tasks = make_tasks(false);
  tasks.front().deaths = tasks.back().deaths = 1;
  tasks.front().retries = 1;  // [retries]
  Group second(loop, workers, tasks);
  tell(co_await second.all());
  for (const Task& task : tasks) {
    if (stage.deaths.at(static_cast<size_t>(task.batch)) == 0) continue;
    ipc::say("A worker was killed in batch {}", task.batch);
  }

  ipc::say("Act 3: what has not begun is cancelled");
  stage.gate.clear();
  stage.begun = 0;
  tasks = make_tasks(true);
  Group third(loop, workers, tasks);
  co_await asio::post(loop, asio::use_awaitable);  // All were started by now.
  for (size_t i = kWorkers; i < tasks.size(); ++i) third.cancel(i);
  co_await asio::post(loop, asio::use_awaitable);  // Those have ended by now.
  stage.gate.set();
  tell(co_await third.all());
  ipc::say("Begun: {} of {} batches", stage.begun.load(), tasks.size());
  co_return "";
}

std::string lesson() {
  const ipc::Shared<Stage> stage;
  // Fork first: a child must not use a loop from before its fork.
  ipc::Pool<Items(Task)> pool(
      kWorkers, [&](const Task& task) { return process_batch(*stage, task); });
  asio::io_context loop(1);
  Workers workers(loop, pool);
  std::string trouble;
  asio::co_spawn(loop, workers.watch(), rethrow);
  asio::co_spawn(loop, acts(loop, workers, *stage),
                 [&](const std::exception_ptr& error, std::string result) {
                   rethrow(error);
                   trouble = std::move(result);
                   loop.stop();
                 });
  loop.run();  // [run]
  return trouble;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("async_pool", "Coroutines that wait for worker processes.");
  lab.option("--items", item_count, 1, kItemsMax, "items in all");
  lab.option("--batch", batch_items, 1, kBatchItemsMax, "items in a batch");
  return lab.run(argc, argv, lesson);
}
