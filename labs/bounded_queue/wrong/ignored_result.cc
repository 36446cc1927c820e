// Wrong: nobody looks at the result of try_put.
//
// The queue has room for three. The fourth item is refused, the program says
// that it was added, and it is gone.

#include <string>

#include "common/lab.h"
#include "common/queue.h"
#include "common/report.h"

namespace {

std::string lesson() {
  ipc::Queue queue(3);
  for (int i = 0; i < 4; ++i) {
    const std::string item = "Item " + std::to_string(i);
    (void)queue.try_put(item);  // The result is dropped.
    ipc::say("Added {}", item);
  }
  while (const auto item = queue.try_get()) ipc::say("Got: {}", *item);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_result", "An item is refused, and nobody notices.");
  return lab.run(argc, argv, lesson);
}
