// Orders that a Schedule is to play: all of them, or one that somebody has
// typed.
//
//   const auto orders = ipc::all_orders(2, 2);              // AABB, BBAA, ...
//   const auto outcomes = ipc::outcomes_of(orders, play);   // "1" in 4 of 6
//
// For processes that all take the same number of steps, and only at the points
// of their program; what does not is explored (explorer.h).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ipc {

// What is wrong with an order in which each process takes `steps` steps; "" if
// it is good. Its letters say how many processes there are.
std::string order_problem(std::string_view order, int steps);

// The same as a rule for Lab::option(); the word "all" is good too.
std::function<std::string(const std::string&)> order_rule(int steps);

// The number of processes that a good order is for.
int order_size(std::string_view order);

// All orders of `processes` of `steps` steps each: those that change seldom
// from one process to another come first.
std::vector<std::string> all_orders(int processes, int steps);

// How often something came of an order, and the first order that led to it.
struct OrderOutcome {
  int count = 0;
  std::string witness;
};

// Plays each order; `play` returns what came of it.
using Outcomes = std::map<std::string, OrderOutcome>;
using Play = std::function<std::string(const std::string& order)>;
Outcomes outcomes_of(const std::vector<std::string>& orders, const Play& play);

// Plays all orders and says which `what` came out, in how many of them, and
// in which first. For more than 3 processes, say 4 with 2,520 orders of two
// steps each, plays those of 3.
Outcomes play_all(int processes, int steps, std::string_view what,
                  const Play& play);

}  // namespace ipc
