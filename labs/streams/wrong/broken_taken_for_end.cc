// Wrong: "closed" is all that the sink knows of an end. It looks the same after
// a source that was done and after a stage that was killed in the middle.

#include <signal.h>

#include <string>

#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr int kItems = 6;
constexpr int kLastItem = 3;  // That the relay sees.

void generate(ipc::Queue& out) {
  for (int i = 1; i <= kItems; ++i) {
    ipc::say("Sending {}", i);
    if (out.put(std::to_string(i)) != ipc::QueueStatus::ok) return;
  }
  // The queue has room for few items, so it does not come as far as this.
  ipc::say("That was all");
}

void relay(ipc::Queue& in, ipc::Queue& out) {
  for (int i = 1; const auto item = in.get(); ++i) {
    if (i == kLastItem) ::raise(SIGKILL);
    ipc::ensure(out.put(*item));
  }
}

void collect(ipc::Queue& in) {
  while (const auto item = in.get()) ipc::say("Got {}", *item);
  ipc::say("End of the stream");  // It cannot know.
}

std::string lesson() {
  ipc::Queue first(1);
  ipc::Queue second(1);
  ipc::Process source("Source", [&] { generate(first); });
  ipc::Process stage("Relay", [&] { relay(first, second); });
  ipc::Process sink("Sink", [&] { collect(second); });
  stage.join();
  first.close();
  second.close();
  return source.join() == 0 && sink.join() == 0 ? "" : "a stage failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("broken_taken_for_end", "A pipeline of processes.");
  return lab.run(argc, argv, lesson);
}
