#include "diamond.h"

#include "common/base/hooks.h"

void add_all(ipc::Schedule& schedule, Diamond& diamond) {
  Graph& graph = diamond.graph;
  schedule.add("Double", [&] { derive(graph.source, graph.doubled, 2); });
  schedule.add("Triple", [&] { derive(graph.source, graph.tripled, 3); });
  schedule.add("Sum", [&] {
    const auto first = show_next(graph, 0).value();
    diamond.sums[0] = first.sum();
    ipc::point("shown");
    if (first.epoch < 2) {
      diamond.sums[1] = show_next(graph, first.epoch)->sum();
    }
  });
}
