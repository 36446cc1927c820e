// Wrong: each derived value counts its own changes, in place of saying which
// change of the source it follows from. A process that misses a change counts
// differently from one that does not, and equal numbers no longer belong
// together.

#include <cstdint>
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
  int sum = 0;  // That was shown; 0 if there was none.
  Observable<int> source{1};
  Observable<int> doubled{2};
  Observable<int> tripled{3};
};

void change(Observable<int>& source) {
  source.begin();
  source.publish(2, 2);
  ipc::point("published");
  source.publish(3, 3);
}

void derive(const Observable<int>& source, Observable<int>& derived,
            int factor) {
  derived.begin();
  const uint64_t epoch = derived.latest().epoch + 1;  // Not the source's.
  derived.publish(epoch, factor * source.latest().value);
}

// Each one has published once, so this does not wait.
void show(Graph& graph) {
  const auto doubled = graph.doubled.latest();
  const auto tripled = graph.tripled.latest();
  if (doubled.epoch != tripled.epoch) return;
  graph.sum = doubled.value + tripled.value;
  ipc::say("Epoch {}: {} + {} = {}", doubled.epoch, doubled.value,
           tripled.value, graph.sum);
}

void add_all(ipc::Schedule& schedule, Graph& graph) {
  schedule.add("Source", [&] { change(graph.source); });
  schedule.add("Double", [&] { derive(graph.source, graph.doubled, 2); });
  schedule.add("Triple", [&] { derive(graph.source, graph.tripled, 3); });
  schedule.add("Sum", [&] { show(graph); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Graph> graph;
  schedule.show("sum", [&] { return std::to_string(graph->sum); });
  add_all(schedule, *graph);
  schedule.run();
  if (graph->sum == 0) return "epochs that differ";
  // Twice a number and three times the same number are five times it.
  return graph->sum % 5 == 0 ? "a sum of one change" : "a sum of two changes";
}

std::string lesson() {
  const ipc::Shared<Graph> graph;
  ipc::Schedule schedule(true);
  add_all(schedule, *graph);
  return schedule.play("ABACD");  // Triple comes too late for the first change.
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("own_epochs", "Values that follow one that changes.");
  lab.explores("epochs", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
