// Wrong: a stage keeps the end of the stream for itself.
//
// The relay knows that no more will come, and returns. It does not tell the
// sink, which waits for the next item forever.

#include <string>

#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr const char* kEnd = "";

void relay(ipc::Queue& in, ipc::Queue& out) {
  while (true) {
    const auto item = in.get();
    if (!item || *item == kEnd) return;  // Missing: out.put(kEnd);
    ipc::ensure(out.put(*item));
  }
}

void collect(ipc::Queue& in) {
  while (const auto item = in.get()) {
    if (*item == kEnd) break;
    ipc::say("Got {}", *item);
  }
  ipc::say("End of the stream");
}

std::string lesson() {
  ipc::Queue first(3);
  ipc::Queue second(3);
  ipc::describe_object("Queue", &second, "items of Relay");
  ipc::Process source("Source", [&] {
    for (const char* item : {"1", "2", "3"}) ipc::ensure(first.put(item));
    ipc::say("That was all");
    ipc::ensure(first.put(kEnd));
  });
  ipc::Process stage("Relay", [&] { relay(first, second); });
  ipc::Process sink("Sink", [&] { collect(second); });
  if (source.join() != 0 || stage.join() != 0) return "a stage failed";
  return sink.join() == 0 ? "" : "the sink failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("hidden_end", "A pipeline of processes.");
  return lab.run(argc, argv, lesson);
}
