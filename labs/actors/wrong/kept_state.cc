// Wrong: the state lies in shared memory, so it outlives the actor that broke
// because of it. The next life begins with the state that the last one died of.

#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "labs/actors/actor.h"

namespace {

ipc::Deadline patience() {
  return ipc::Deadline::after(20 * ipc::time_scale());
}

ipc::Behaviour make_account(int& balance) {
  return [&balance](const std::string& message) {
    const int amount = std::stoi("0" + message.substr(message.find(' ') + 1));
    if (message.starts_with("deposit")) balance += amount;
    if (message.starts_with("withdraw")) balance -= amount;
    ipc::say("{}: the balance is {}", message, balance);
    if (balance < 0) throw std::runtime_error("the balance is below zero");
    return std::to_string(balance);
  };
}

std::string lesson() {
  const ipc::Shared<int> balance(0);
  ipc::ActorSystem system;
  const ipc::Actor account = system.spawn(
      {.name = "Account", .make = [&] { return make_account(*balance); }});
  system.start();
  for (const char* message : {"deposit 30", "withdraw 99", "balance"}) {
    ipc::say("Asking '{}'", message);
    const auto answer = account.ask_until(message, patience());
    ipc::say("Answer: {}", answer ? *answer : describe(answer.status));
  }
  return system.stop_until(patience()) ? "" : "an actor failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("kept_state", "Processes that answer one message at a time.");
  return lab.run(argc, argv, lesson);
}
