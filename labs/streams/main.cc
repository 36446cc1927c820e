// streams: a pipeline of processes, from a source to a sink.
//
//   Source -> Square -> Evens -> Window -> Sink     acts 1 and 3
//   Source -> Relay -> Sink                         act 2
//
// Watch for: how the end comes to the sink; how a slow sink holds up the
// source; and that a killed stage ends all the others, and Main names it.
// Try: --kill=Window, or another stage, and --room=1.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "flow.h"
#include "labs/streams/stream.h"
#include "numbers.h"

namespace {

using ipc::Pipeline;

constexpr std::array kStages = {"Source", "Square", "Evens", "Window", "Sink"};
int item_count = 12;
int flow_count = 2000;
int room_items = 3;
std::string killed = "Square";

std::string play_to_the_end() {
  ipc::say("Act 1: a stream comes to its end");
  Pipeline pipeline(static_cast<uint32_t>(room_items));
  add_stages(pipeline, item_count);
  const auto end = pipeline.run();
  return end ? "" : end.stage + ": " + end.reason;
}

std::string hold_up_the_source() {
  ipc::say("Act 2: the sink is slow");
  const ipc::Shared<Flow> flow;
  flow->items = flow_count;
  // Between each two stages, and one in the hands of Relay and of Sink.
  flow->room = 2 * room_items + 2;  // [room]
  Pipeline pipeline(static_cast<uint32_t>(room_items));
  pipeline.add("Source", send_fast(*flow));
  pipeline.add("Relay", relay(*flow));
  pipeline.add("Sink", take_slowly(*flow));
  const auto end = pipeline.run();
  if (!end) return end.stage + ": " + end.reason;
  return flow->most <= flow->room ? "" : "the source was not held up";
}

std::string lose_a_stage() {
  ipc::say("Act 3: {} is killed, and the source has no end", killed);
  Pipeline pipeline(static_cast<uint32_t>(room_items));
  add_stages(pipeline, std::numeric_limits<int>::max(), killed);
  const auto end = pipeline.run();  // [run]
  ipc::say("The pipeline broke at {}: {}", end.stage, end.reason);
  return end.stage == killed ? "" : "it broke at another stage";
}

std::string lesson() {
  std::string problem = play_to_the_end();
  if (problem.empty()) problem = hold_up_the_source();
  if (problem.empty()) problem = lose_a_stage();
  return problem;
}

std::string stage_problem(const std::string& name) {
  const bool known =
      std::find(kStages.begin(), kStages.end(), name) != kStages.end();
  return known ? "" : "must be Source, Square, Evens, Window or Sink";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("streams", "A pipeline of processes.");
  lab.option("--items", item_count, 0, 1000, "numbers of act 1");
  lab.option("--flow", flow_count, 1, 100'000, "items of act 2, 16 KiB each");
  lab.option("--room", room_items, 1, 60, "items between two stages");
  lab.option("--kill", killed, stage_problem, "the stage to kill in act 3");
  return lab.run(argc, argv, lesson);
}
