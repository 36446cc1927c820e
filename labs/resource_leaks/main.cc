// resource_leaks: what is left when its owner is gone, and who clears it away.
//
//   an exception   destructors run          nothing is left
//   SIGKILL        no destructor runs       the kernel closes; a name stays
//   exec           all but O_CLOEXEC stays  descriptors it does not know
//   exit           the status stays         a zombie, until it is reaped
//
// Watch for: the three numbers after each act. What the kernel counts (open
// files, mapped memory) it takes back; what has a name stays until a process
// removes the name.
// Try: --children=20, and each line with a tag deleted.

#include <functional>
#include <string>
#include <utility>

#include "acts.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "inventory.h"

namespace {

constexpr double kPauseS = 0.5;
int child_count = 3;

std::string lesson() {
  const Inventory before = take_inventory();
  const std::pair<const char*, std::function<void()>> acts[] = {
      {"Act 1: an exception in the middle", survive_exception},
      {"Act 2: a crash in the middle", [&] { survive_crash(before); }},
      {"Act 3: a crash, but the name is gone by then", unlink_early},
      {"Act 4: another program is executed", execute},
      {"Act 5: children that end", [&] { reap(before, child_count); }},
  };
  for (const auto& [title, play] : acts) {
    ipc::say("{}", title);
    play();
    if (!say_inventory("Left", before)) return "something is left";
    ipc::pause_s(kPauseS);
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("resource_leaks", "Who clears away what is left, and when.");
  lab.option("--children", child_count, 1, 20, "children of act 5");
  return lab.run(argc, argv, lesson);
}
