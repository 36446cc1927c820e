// custom_manager: a class of our own lives in a server, and processes that know
// only its address and its key call it over TCP.
//
//   Worker --------+
//   Client 0..2 ---+--key--> Manager: root { "counter": Counter }
//   Stranger --x   |                             increment, get_value
//
// Watch for: no number comes twice, though the class has no lock; and what is
// refused: a method that was not registered, a wrong argument, another key.
// Try: delete the line marked [registered], and what uses its counter there.

#include <functional>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/manager/manager.h"
#include "common/manager/proxy.h"
#include "common/manager/types.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/custom_manager/refusals.h"

namespace {

int client_count = 3;
int increment_count = 10;
std::string address = "127.0.0.1:0";  // Port 0: the kernel chooses.

class Counter {  // [class]
 public:
  int increment() { return ++value_; }
  [[nodiscard]] int get_value() const { return value_; }
  void reset() { value_ = 0; }

 private:
  int value_ = 0;
};

ipc::ManagerOptions options() {  // [register]
  ipc::ManagerOptions options{address, "", {}};
  options.types.add<Counter>("Counter")
      .method("increment", &Counter::increment)
      .method("get_value", &Counter::get_value);
  return options;
}

void work(const ipc::ManagerAddress& server) {
  const ipc::Proxy counter = find_counter(server);
  for (int i = 0; i < increment_count; ++i) {
    const auto value = counter.call("increment").as_int();  // [call]
    ipc::say("incremented counter to {}", value);
  }
}

bool run_all(const std::string& name, int count,
             const std::function<void()>& target) {
  std::vector<ipc::Process> processes;
  processes.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    const std::string number = count == 1 ? "" : " " + std::to_string(i);
    processes.emplace_back(name + number, target);
  }
  bool all_well = true;
  for (ipc::Process& each : processes) all_well = each.join() == 0 && all_well;
  return all_well;
}

std::string lesson() {
  ipc::Manager manager(options());
  const ipc::ManagerAddress& server = manager.address();
  const ipc::Proxy counter = manager.create("Counter");  // [registered]
  manager.root().set("counter", counter);
  if (!run_all("Worker", 1, [&] { work(server); })) return "a worker failed";
  const auto value = [&] { return counter.call("get_value").as_int(); };
  ipc::say("Final counter value: {}", value());

  ipc::say("Now {} clients at the same time", client_count);
  if (!run_all("Client", client_count, [&] { work(server); })) {
    return "a client failed";
  }
  ipc::say("Final counter value: {}", value());
  if (!run_all("Stranger", 1, [&] { try_what_is_refused(server); })) {
    return "the stranger failed";
  }
  ipc::say("Final counter value: {}", value());
  manager.shutdown();
  expect_refusal("after shutdown", [&] { (void)counter.call("increment"); });
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("custom_manager", "A class of our own in a server.");
  lab.option("--clients", client_count, 1, 20, "clients at the same time");
  lab.option("--increments", increment_count, 1, 10'000, "of each client");
  lab.option("--address", address, "where the server listens");
  return lab.run(argc, argv, lesson);
}
