// Wrong: every change is a message in a queue. A subscriber that falls behind
// works through all that has happened meanwhile, and shows values long out of
// date.

#include <string>

#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

constexpr int kCount = 100;

struct Gates {
  ipc::Event is_busy;
  ipc::Event is_over;
};

void publish(ipc::Queue& values, Gates& gates) {
  ipc::ensure(values.put("1"));
  gates.is_busy.wait();
  for (int i = 2; i <= kCount; ++i) ipc::ensure(values.put(std::to_string(i)));
  ipc::say("Published 1 to {}, and waited for nobody", kCount);
  gates.is_over.set();
  values.close();
}

void watch_slowly(ipc::Queue& values, Gates& gates) {
  while (const auto value = values.get()) {
    ipc::say("Saw {}; 0 were replaced before that", *value);
    gates.is_busy.set();
    gates.is_over.wait();
  }
}

std::string lesson() {
  ipc::Queue values(kCount);
  const ipc::Shared<Gates> gates;
  ipc::Process source("Source", [&] { publish(values, *gates); });
  ipc::Process slow("Slow", [&] { watch_slowly(values, *gates); });
  const bool published = source.join() == 0;
  return slow.join() == 0 && published ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("backlog", "Values that follow one that changes.");
  return lab.run(argc, argv, lesson);
}
