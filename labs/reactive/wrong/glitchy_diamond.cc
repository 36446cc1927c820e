// Wrong: Sum shows what is there whenever it looks. When a change has come
// along only one of its two paths, Sum looks at values of two epochs.

#include <array>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "labs/reactive/observable.h"

namespace {

using ipc::Observable;

struct Graph {
  std::array<int, 2> sums{};
  Observable<int> source{1};
  Observable<int> doubled{2};
  Observable<int> tripled{3};
};

void derive(const Observable<int>& source, Observable<int>& derived,
            int factor) {
  derived.begin();
  const auto seen = source.latest();
  ipc::point("computed");
  derived.publish(seen.epoch, factor * seen.value);
}

int show(const Graph& graph) {
  const auto doubled = graph.doubled.latest();
  const auto tripled = graph.tripled.latest();  // Of which epoch?
  ipc::say("Epoch {}: {} + {} = {}", doubled.epoch, doubled.value,
           tripled.value, doubled.value + tripled.value);
  return doubled.value + tripled.value;
}

void add_all(ipc::Schedule& schedule, Graph& graph) {
  graph.source.begin();
  graph.source.publish(2, 2);
  schedule.add("Double", [&] { derive(graph.source, graph.doubled, 2); });
  schedule.add("Triple", [&] { derive(graph.source, graph.tripled, 3); });
  schedule.add("Sum", [&] {
    graph.sums[0] = show(graph);
    ipc::point("shown");
    graph.sums[1] = show(graph);
  });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Graph> graph;
  schedule.show("shown", [&] {
    return std::to_string(graph->sums[0]) + " then " +
           std::to_string(graph->sums[1]);
  });
  add_all(schedule, *graph);
  schedule.run();
  // Twice a number and three times the same number are five times it.
  const bool are_whole = graph->sums[0] % 5 == 0 && graph->sums[1] % 5 == 0;
  return are_whole ? "sums of one epoch" : "a sum of two epochs";
}

std::string lesson() {
  const ipc::Shared<Graph> graph;
  ipc::Schedule schedule(true);
  add_all(schedule, *graph);
  return schedule.play("AACBBC");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("glitchy_diamond", "Values that follow one that changes.");
  lab.explores("diamond", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
