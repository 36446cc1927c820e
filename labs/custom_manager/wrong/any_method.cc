// Wrong: all methods of the class are registered, in case a client needs them.
// Then every client that has the key can reset the counter.

#include <string>

#include "common/lab/lab.h"
#include "common/manager/manager.h"
#include "common/manager/proxy.h"
#include "common/manager/types.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

class Counter {
 public:
  int increment() { return ++value_; }
  [[nodiscard]] int get_value() const { return value_; }
  void reset() { value_ = 0; }

 private:
  int value_ = 0;
};

std::string lesson() {
  ipc::ManagerOptions options{"127.0.0.1:0", "", {}};
  options.types.add<Counter>("Counter")
      .method("increment", &Counter::increment)
      .method("get_value", &Counter::get_value)
      .method("reset", &Counter::reset);
  const ipc::Manager manager(options);
  const ipc::Proxy counter = manager.create("Counter");
  ipc::say("incremented counter to {}", counter.call("increment").as_int());
  ipc::Process stranger("Stranger", [&] {
    try {
      (void)counter.call("reset");
      ipc::say("reset: accepted");
    } catch (const ipc::UnknownMethod& error) {
      ipc::say("reset: UnknownMethod: {}", error.what());
    }
  });
  const int status = stranger.join();
  ipc::say("Final counter value: {}", counter.call("get_value").as_int());
  return status == 0 ? "" : "the stranger failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("any_method", "A counter, and a stranger who has the key.");
  return lab.run(argc, argv, lesson);
}
