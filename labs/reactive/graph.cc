#include "labs/reactive/graph.h"

#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

using ipc::Observable;

namespace {

constexpr double kPauseS = 0.1;

}  // namespace

ipc::Deadline patience() {
  return ipc::Deadline::after(20 * ipc::time_scale());
}

void derive(const Observable<int>& source, Observable<int>& derived,
            int factor) {
  derived.begin();
  uint64_t seen_epoch = 1;
  while (const auto seen = source.newer_until(seen_epoch, patience())) {
    const int value = factor * seen.value;
    ipc::point("computed");
    ipc::say("Publishing {} of epoch {}", value, seen.epoch);
    derived.publish(seen.epoch, value);  // [epoch] The source's, not its own.
    seen_epoch = seen.epoch;
  }
  derived.end();
}

std::optional<State> show_next(const Graph& graph, uint64_t shown) {
  auto doubled = graph.doubled.newer_until(shown, patience());
  auto tripled = graph.tripled.newer_until(shown, patience());
  while (doubled && tripled && doubled.epoch != tripled.epoch) {  // [join]
    if (doubled.epoch < tripled.epoch) {
      doubled = graph.doubled.newer_until(doubled.epoch, patience());
    } else {
      tripled = graph.tripled.newer_until(tripled.epoch, patience());
    }
  }
  if (!doubled || !tripled) return std::nullopt;
  const State state{doubled.epoch, doubled.value, tripled.value};
  ipc::say("Epoch {}: {} + {} = {}", state.epoch, state.doubled, state.tripled,
           state.sum());
  return state;
}

void change(Observable<int>& source, int count) {
  source.begin();
  for (int i = 2; i <= count + 1; ++i) {
    ipc::say("Publishing {}", i);
    source.publish(static_cast<uint64_t>(i), i);
    ipc::pause_s(kPauseS);
  }
  source.end();
}

void show_all(const Graph& graph) {
  uint64_t shown = 0;
  while (const auto state = show_next(graph, shown)) shown = state->epoch;
  ipc::say("No state will follow");
}
