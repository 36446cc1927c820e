// pipe_limits: how much a channel takes, and who waits for whom.
//
//   Left --send--> [ buffer ] --receive--> Right
//        <-receive- [ buffer ] <---send---
//
// Watch for: each act that ends in "nobody can go on" is followed by its cure.
// Try: --write-bytes=1; delete the line marked [close-main].

#include <string>

#include "common/channel/connection.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/pipe_limits/capacity.h"

namespace {

using ipc::Connection;
using Role = void (*)(Connection& end);

constexpr size_t kPageBytes = 4096;
int write_bytes = 64;
size_t small_bytes = 5;
size_t large_bytes = 0;  // More than the buffer holds: measured in act 1.

struct Act {
  const char* title;
  Role left;
  Role right;
  const char* order = "AB";  // A is Left. Each goes as far as it can.
  bool main_keeps_ends = false;
  bool gets_stuck = false;
};

void send(Connection& end, size_t size_bytes) {
  ipc::say("Sending {} bytes", size_bytes);
  if (end.send(std::string(size_bytes, 'x')) == ipc::Transfer::ok) {  // [send]
    ipc::say("Sent {} bytes", size_bytes);
  } else {
    ipc::say("Not sent: nobody is left to receive it");
  }
}

void receive(Connection& end) {
  if (const auto message = end.receive()) {  // [receive]
    ipc::say("Got {} bytes", message->size());
  } else {
    ipc::say("End of file");
  }
}

void send_small(Connection& end) { send(end, small_bytes); }
void send_large(Connection& end) { send(end, large_bytes); }
void leave(Connection& end) { end.close(); }

template <Role kFirst, Role kThen>
void in_turn(Connection& end) {
  kFirst(end);
  kThen(end);
}

constexpr Act kActs[] = {
    {"more than the buffer holds", send_large, receive},
    {"both receive first", in_turn<receive, send_small>,
     in_turn<receive, send_small>, "AB", false, true},
    {"cured: Left sends first", in_turn<send_small, receive>,
     in_turn<receive, send_small>},
    {"both send first, and much", in_turn<send_large, receive>,
     in_turn<send_large, receive>, "AB", false, true},
    {"cured: Right receives first", in_turn<send_large, receive>,
     in_turn<receive, send_large>},
    {"Main has a copy of Left's end", send_small, in_turn<receive, receive>,
     "AB", true, true},
    {"cured: Main has closed it", send_small, in_turn<receive, receive>},
    {"the receiver has gone", send_small, leave, "BA"},
};

// Returns "", or who waits for what when nobody can go on.
std::string play(const Act& act) {
  auto ends = ipc::make_connections();
  ipc::Schedule schedule(true);
  schedule.add("Left", [&] {
    ends.second.close();
    act.left(ends.first);
  });
  schedule.add("Right", [&] {
    ends.first.close();
    act.right(ends.second);
  });
  if (!act.main_keeps_ends) ends = {};  // [close-main]
  return schedule.play(act.order);
}

std::string lesson() {
  ipc::say("Act 1: how much is a buffer full of?");
  (void)measure(static_cast<size_t>(write_bytes));
  large_bytes = 4 * measure(kPageBytes);
  int number = 1;
  for (const Act& act : kActs) {
    ipc::pause_s(0.5);
    ipc::say("Act {}: {}", ++number, act.title);
    const std::string problem = play(act);
    if (!problem.empty()) ipc::say("{}", problem);
    if (problem.empty() == act.gets_stuck) {
      return act.gets_stuck ? "somebody should wait" : "it must not get stuck";
    }
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pipe_limits", "How much a channel takes, and who waits.");
  lab.option("--write-bytes", write_bytes, 1, 65536, "of each write in act 1");
  return lab.run(argc, argv, lesson);
}
