// Wrong: adds up the counters with a lock for each, one after the other.
//
// Every access is locked, and the total is of no moment: what moves from a
// counter not yet seen to one already seen is missing.

#include <array>
#include <string>

#include "common/lab.h"
#include "common/lock.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/shared.h"

namespace {

struct Counter {
  ipc::Lock lock;
  int value = 50;
};
using Counters = std::array<Counter, 2>;

int read(Counter& counter) {
  const ipc::Guard guard(counter.lock);
  return counter.value;
}

void add_up(Counters& counters) {
  int total = read(counters[0]);
  ipc::point("has seen the first");
  total += read(counters[1]);
  ipc::say("Total {} of 100", total);
}

void move(Counters& counters) {
  const ipc::Guard first(counters[0].lock);
  const ipc::Guard second(counters[1].lock);
  counters[0].value += 10;
  counters[1].value -= 10;
  ipc::say("Moved 10 from the second to the first");
}

std::string lesson() {
  const ipc::Shared<Counters> counters;
  ipc::Schedule schedule(true);
  schedule.add("Reader", [&] { add_up(*counters); });
  schedule.add("Worker", [&] { move(*counters); });
  return schedule.play("ABA");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("torn_total", "A total of different moments.");
  return lab.run(argc, argv, lesson);
}
