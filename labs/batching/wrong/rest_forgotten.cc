// Wrong: a batch goes only when it is full.
//
// The numbers that are left at the end do not fill a batch, so they are never
// sent. If batches of this size used up all numbers, no test would notice.

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr size_t kBatch = 3;
constexpr int kNumbers = 5;

void collect(ipc::Connection& sink) {
  std::vector<int> batch;
  for (int number = 0; number < kNumbers; ++number) {
    ipc::say("Added {}", number);
    batch.push_back(number);
    if (batch.size() < kBatch) continue;
    ipc::say("Batch of {} goes: it is full", batch.size());
    ipc::ensure(sink.send(fmt::format("{}", fmt::join(batch, " "))));
    batch.clear();
  }
  // Missing: what is still in the batch.
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process sender("Sender", [&] {
    ends.second.close();
    collect(ends.first);
  });
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    while (const auto batch = ends.second.receive()) ipc::say("Got {}", *batch);
  });
  ends = {};
  if (sender.join() != 0 || receiver.join() != 0) return "a process failed";
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("rest_forgotten", "One number to a message, or many.");
  return lab.run(argc, argv, lesson);
}
