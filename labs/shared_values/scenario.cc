#include "labs/shared_values/scenario.h"

#include <array>
#include <numeric>

#include "common/memory/shared.h"

namespace {

void show(ipc::Schedule& schedule, const Board& board) {
  ipc::describe_object("Lock", &board.counter.get_lock(), "counter");
  ipc::describe_object("Lock", &board.array.get_lock(), "array");
  schedule.show("counter",
                [&] { return std::to_string(board.counter.value()); });
  schedule.show("array", [&] { return fmt::format("{}", board.array.span()); });
}

}  // namespace

ipc::Scenario two_rounds(ArrayLock lock) {
  return [lock](ipc::Schedule& schedule) {
    const Board board{.array = {0, 0, 0}};
    show(schedule, board);
    schedule.add("Incrementer 0", [&] { increment(board, lock); });
    schedule.add("Incrementer 1", [&] { increment(board, lock); });
    schedule.run();
    const auto numbers = board.array.span();
    const int sum = std::accumulate(numbers.begin(), numbers.end(), 0);
    return fmt::format("counter {}, {} of 6 updates lost",
                       board.counter.value(), 6 - sum);
  };
}

ipc::Scenario one_look(ArrayLock lock) {
  return [lock](ipc::Schedule& schedule) {
    const Board board;
    const ipc::Shared<std::array<int, 5>> seen;
    show(schedule, board);
    schedule.add("Incrementer", [&] { increment(board, lock); });
    schedule.add("Monitor", [&] {
      const std::vector<int> numbers = monitor(board, lock);
      std::copy(numbers.begin(), numbers.end(), seen->begin());
    });
    schedule.run();
    return fmt::format("saw {}", *seen);
  };
}
