#include "common/explore/orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/report/report.h"

namespace ipc {
namespace {

int count_switches(std::string_view order) {
  int count = 0;
  for (size_t i = 1; i < order.size(); ++i) count += order[i] != order[i - 1];
  return count;
}

}  // namespace

std::string order_problem(std::string_view order, int steps) {
  for (const char letter : order) {
    if (letter < 'A' || letter > 'Z') {
      return fmt::format("'{}' is not a process: an order looks like ABAB",
                         letter);
    }
  }
  if (order.empty()) return "an order looks like ABAB";
  const auto last = static_cast<char>('A' + order_size(order) - 1);
  for (char letter = 'A'; letter <= last; ++letter) {
    const auto count = std::count(order.begin(), order.end(), letter);
    if (count == steps) continue;
    return fmt::format("{} is too {}: {} takes {} step{}, not {}", order,
                       count < steps ? "short" : "long", letter, steps,
                       steps == 1 ? "" : "s", count);
  }
  return "";
}

std::function<std::string(const std::string&)> order_rule(int steps) {
  return [steps](const std::string& order) {
    return order == "all" ? "" : order_problem(order, steps);
  };
}

int order_size(std::string_view order) {
  if (order.empty()) return 0;
  return *std::max_element(order.begin(), order.end()) - 'A' + 1;
}

std::vector<std::string> all_orders(int processes, int steps) {
  std::string order;
  for (int i = 0; i < processes; ++i) {
    order.append(static_cast<size_t>(steps), static_cast<char>('A' + i));
  }
  std::vector<std::string> orders;
  do {
    orders.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  std::sort(orders.begin(), orders.end(),
            [](const std::string& a, const std::string& b) {
              return std::pair(count_switches(a), std::string_view(a)) <
                     std::pair(count_switches(b), std::string_view(b));
            });
  return orders;
}

Outcomes outcomes_of(const std::vector<std::string>& orders, const Play& play) {
  Outcomes outcomes;
  for (const std::string& order : orders) {
    const auto [place, is_new] = outcomes.try_emplace(play(order));
    ++place->second.count;
    if (is_new) place->second.witness = order;
  }
  return outcomes;
}

Outcomes play_all(int processes, int steps, std::string_view what,
                  const Play& play) {
  processes = std::min(processes, 3);
  const std::vector<std::string> orders = all_orders(processes, steps);
  say("Every order of {} processes, {} step{} each", processes, steps,
      steps == 1 ? "" : "s");
  Outcomes outcomes = outcomes_of(orders, play);
  for (const auto& [text, outcome] : outcomes) {
    say("{} {} in {} of {} orders, first in {}", what, text, outcome.count,
        orders.size(), outcome.witness);
  }
  return outcomes;
}

}  // namespace ipc
