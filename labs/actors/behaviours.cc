#include "labs/actors/behaviours.h"

#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

using ipc::Actor;
using ipc::Behaviour;
using ipc::Deadline;

Deadline patience() { return Deadline::after(20 * ipc::time_scale()); }
Deadline soon() { return Deadline::after(ipc::paced_s(0.2)); }

Behaviour make_account() {
  return [balance = 0](const std::string& message) mutable {  // [state]
    const int amount = std::stoi("0" + message.substr(message.find(' ') + 1));
    if (message.starts_with("deposit")) balance += amount;
    if (message.starts_with("withdraw")) balance -= amount;
    ipc::say("{}: the balance is {}", message, balance);
    if (balance < 0) throw std::runtime_error("the balance is below zero");
    return std::to_string(balance);
  };
}

Behaviour make_printer(ipc::Event& begun, const ipc::Event& paper) {
  return [&](const std::string& page) {
    begun.set();
    paper.wait();
    ipc::say("Printed {}", page);
    return "";
  };
}

Behaviour make_buyer(const Actor& seller) {
  return [&](const std::string& message) {
    if (message == "budget") {
      ipc::say("I was asked for my budget");
      return std::string("100");
    }
    ipc::say("Asking Seller for the price");
    const auto answer = seller.ask_until("price", patience());
    return answer ? "bought for " + *answer : describe(answer.status);
  };
}

Behaviour make_seller(const Actor& buyer) {
  return [&](const std::string&) {
    ipc::say("Asking Buyer for its budget");
    const auto answer = buyer.ask_until("budget", soon());  // [ask]
    ipc::say("Buyer's budget: {}", answer ? *answer : describe(answer.status));
    return answer ? *answer : std::string("80, the price for all");
  };
}
