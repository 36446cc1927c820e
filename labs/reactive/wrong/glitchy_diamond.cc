// Wrong: Sum shows what is there whenever it looks. Between the two ways of one
// change it looks at values of two epochs.

#include <string>

#include "common/lab.h"
#include "common/observable.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/shared.h"

namespace {

using ipc::Observable;

struct Graph {
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

void show(const Graph& graph) {
  const auto doubled = graph.doubled.latest();
  const auto tripled = graph.tripled.latest();  // Of which epoch?
  ipc::say("Epoch {}: {} + {} = {}", doubled.epoch, doubled.value,
           tripled.value, doubled.value + tripled.value);
}

std::string lesson() {
  const ipc::Shared<Graph> graph;
  graph->source.begin();
  graph->source.publish(2, 2);
  ipc::Schedule schedule(true);
  schedule.add("Double", [&] { derive(graph->source, graph->doubled, 2); });
  schedule.add("Triple", [&] { derive(graph->source, graph->tripled, 3); });
  schedule.add("Sum", [&] {
    show(*graph);
    ipc::point("shown");
    show(*graph);
  });
  return schedule.play("AACBBC");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("glitchy_diamond", "A sum of an old value and a new one.");
  return lab.run(argc, argv, lesson);
}
