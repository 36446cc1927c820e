// Wrong: each client asks the manager for a counter, and gets a new one. No
// other client ever sees it.

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

 private:
  int value_ = 0;
};

std::string lesson() {
  ipc::ManagerOptions options{"127.0.0.1:0", "", {}};
  options.types.add<Counter>("Counter")
      .method("increment", &Counter::increment)
      .method("get_value", &Counter::get_value);
  const ipc::Manager manager(options);
  const ipc::Proxy counter = manager.create("Counter");
  ipc::Process client("Client 0", [&] {
    const ipc::Proxy mine = manager.create("Counter");
    ipc::say("incremented counter to {}", mine.call("increment").as_int());
  });
  const int status = client.join();
  ipc::say("Final counter value: {}", counter.call("get_value").as_int());
  return status == 0 ? "" : "the client failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counter_of_its_own", "A client of a counter.");
  return lab.run(argc, argv, lesson);
}
