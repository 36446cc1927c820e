// Wrong: results are numbered in the order in which they come.
//
// They come in the order in which they are done. Here batch 0 is held up until
// batch 1 is done; elsewhere the size of the batches, or luck, decides.

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/pool/pool.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

constexpr int kBatches = 2;

std::string lesson() {
  const ipc::Shared<ipc::Event> gate;
  ipc::Pool<int(int)> pool(kBatches, [&](int item) {
    if (item == 0) gate->wait();
    return 2 * item;
  });
  auto batches = pool.start_range(0, kBatches, {.chunk_size = 1});
  // Missing: a place for each, found by outcome->task().
  for (int i = 0; const auto outcome = batches.next(); ++i) {
    gate->set();
    ipc::say("Batch {}: {}", i, outcome->get());
  }
  ipc::say("Processed {} of {} items using a process pool", kBatches, kBatches);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("order_of_arrival",
               "Coroutines that wait for worker processes.");
  return lab.run(argc, argv, lesson);
}
