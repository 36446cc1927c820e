// Wrong: an actor asks without a deadline, and the one that it asks asks back.
//
// An actor that asks takes no messages until it has the answer. Each waits for
// the other to take its question.

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/actors/actor.h"

namespace {

using ipc::Actor;
using ipc::Deadline;

ipc::Behaviour asks(const Actor& other, const std::string& question) {
  return [&other, question](const std::string& message) {
    if (message == "budget") return std::string("100");
    ipc::say("Was asked for '{}', asking for '{}'", message, question);
    return *other.ask_until(question, Deadline::never());  // No deadline.
  };
}

std::string lesson() {
  ipc::ActorSystem system;
  std::optional<Actor> buyer;
  const Actor seller = system.spawn(
      {.name = "Seller", .make = [&] { return asks(*buyer, "budget"); }});
  buyer = system.spawn(
      {.name = "Buyer", .make = [&] { return asks(seller, "price"); }});
  system.start();
  ipc::say("Asking 'buy'");
  ipc::say("Answer: {}", *buyer->ask_until("buy", Deadline::never()));
  return system.stop_until(Deadline::never()) ? "" : "an actor failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("asks_for_ever", "Processes that answer one message at a time.");
  return lab.run(argc, argv, lesson);
}
