// Orders for a Schedule to play: all of them, or one that a user has typed.
//
//   const auto orders = ipc::all_orders(2, 2);              // AABB, BBAA, ...
//   const auto outcomes = ipc::outcomes_of(orders, play);   // "1" in 4 of 6
//
// For processes that all take the same number of steps, from one ipc::point()
// of their program to the next. For others use the explorer (explorer.h).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ipc {

// What is wrong with an order in which each process takes `steps` steps; "" if
// it is good. Its highest letter says how many processes there are.
std::string order_problem(std::string_view order, int steps);

// The same check as a rule for Lab::option(), which also accepts "all".
std::function<std::string(const std::string&)> order_rule(int steps);

// The number of processes that a good order has.
int order_size(std::string_view order);

// All orders of `processes` processes with `steps` steps each. Orders with few
// switches from one process to another come first.
std::vector<std::string> all_orders(int processes, int steps);

// How many orders led to an outcome, and the first of them.
struct OrderOutcome {
  int count = 0;
  std::string witness;
};

// Plays each order, and groups them by outcome; `play` returns the outcome.
using Outcomes = std::map<std::string, OrderOutcome>;
using Play = std::function<std::string(const std::string& order)>;
Outcomes outcomes_of(const std::vector<std::string>& orders, const Play& play);

// Plays all orders, and says of each outcome, which it calls `what`, how many
// orders led to it and which one first. Plays the orders of at most 3
// processes: 4 with two steps each would have 2,520.
Outcomes play_all(int processes, int steps, std::string_view what,
                  const Play& play);

}  // namespace ipc
