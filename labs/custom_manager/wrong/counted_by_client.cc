// Wrong: the class in the server can only be read and written, and the clients
// count. What would be one step in the server is now two calls.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/manager/manager.h"
#include "common/manager/proxy.h"
#include "common/manager/types.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

class Number {
 public:
  [[nodiscard]] int get_value() const { return value_; }
  void set_value(int value) { value_ = value; }

 private:
  int value_ = 0;
};

std::string lesson() {
  ipc::ManagerOptions options{"127.0.0.1:0", "", {}};
  options.types.add<Number>("Counter")
      .method("get_value", &Number::get_value)
      .method("set_value", &Number::set_value);
  ipc::Manager manager(options);
  const ipc::Proxy counter = manager.create("Counter");
  ipc::Schedule schedule(true);
  schedule.add_server(manager.process().pid());
  for (int i = 0; i < 2; ++i) {
    schedule.add("Client " + std::to_string(i), [&] {
      const auto value = counter.call("get_value").as_int() + 1;
      ipc::point("after get_value");
      (void)counter.call("set_value", {value});
      ipc::say("incremented counter to {}", value);
    });
  }
  const std::string problem = schedule.play("ABAB");
  ipc::say("Final counter value: {}", counter.call("get_value").as_int());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counted_by_client", "Two clients of a counter.");
  return lab.run(argc, argv, lesson);
}
