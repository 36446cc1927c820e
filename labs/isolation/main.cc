// isolation: what a parent sees of what its child does to memory.
//
//   Main --fork--> Child        each has its own copy of every variable;
//     |              |          a shared page is one and the same for both
//     +-- [ page ] --+
//
// Watch for: the same assignment in the same child, seen by Main in act 2 and
// not in act 1; in act 3 what a crash leaves whole and what it does not; and in
// act 4 that an ordinary variable can be seen after all, from outside.
// Try: in act 1, let Main say `number` before and after it joins the child.

#include <signal.h>

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/isolation/outside.h"

namespace {

constexpr int kMainsNumber = 7;
constexpr int kBoxesAtFirst = 100;
constexpr int kBoxesMoved = 30;

int childs_number = 42;
int other_user = 0;

struct Shelves {
  int left_boxes = kBoxesAtFirst;
  int right_boxes = 0;
};

// Act 1: fork(2) copies the variable; from then on there are two.
std::string ordinary_variable() {
  int number = kMainsNumber;
  ipc::say("My number is {}", number);
  ipc::Process child("Child", [&] {
    ipc::say("I see {} and set it to {}", number, childs_number);
    number = childs_number;  // [copy]
    ipc::say("My number is {}", number);
  });
  if (child.join() != 0) return "the child of act 1 failed";
  ipc::say("My number is still {}", number);
  return number == kMainsNumber ? "" : "an ordinary variable was shared";
}

// Act 2: the page is not copied. Join orders the child's write before our read.
std::string shared_page() {
  const ipc::Shared<int> number(kMainsNumber);  // [shared]
  ipc::Process child("Child", [&] {
    ipc::say("I set the shared number to {}", childs_number);
    *number = childs_number;
  });
  if (child.join() != 0) return "the child of act 2 failed";
  ipc::say("The shared number is {}", *number);
  return *number == childs_number ? "" : "the shared page was not shared";
}

void move_boxes(Shelves& shelves) {
  ipc::say("I move {} boxes from left to right", kBoxesMoved);
  shelves.left_boxes -= kBoxesMoved;
  int* volatile nowhere = reinterpret_cast<int*>(16);  // No page is there.
  *nowhere = 1;                                        // [crash]
  shelves.right_boxes += kBoxesMoved;
}

// Act 3: the crash ends only the child. But shared data are not isolated: they
// stay as the child left them.
std::string crash() {
  const ipc::Shared<Shelves> shelves;
  ipc::Process child("Child", [&] { move_boxes(*shelves); });
  const int status = child.join();  // [status]
  ipc::say("The child was {}", ipc::describe_status(status));
  ipc::say("I go on; the shelves hold {} and {} boxes", shelves->left_boxes,
           shelves->right_boxes);
  ipc::say("{} boxes are on no shelf",
           kBoxesAtFirst - shelves->left_boxes - shelves->right_boxes);
  return status == -SIGSEGV ? "" : "the child did not crash";
}

std::string lesson() {
  ipc::say("Act 1: an ordinary variable");
  if (auto problem = ordinary_variable(); !problem.empty()) return problem;
  ipc::say("Act 2: a shared page");
  if (auto problem = shared_page(); !problem.empty()) return problem;
  ipc::say("Act 3: a child that crashes");
  if (auto problem = crash(); !problem.empty()) return problem;
  ipc::say("Act 4: an ordinary variable, read from outside");
  return look_from_outside(childs_number, other_user);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("isolation", "What a parent sees of what its child does.");
  lab.option("--number", childs_number, 0, 1000, "what the child writes");
  lab.option("--other-user", other_user, 0, 65534,
             "a second user for act 4; needs root");
  return lab.run(argc, argv, lesson);
}
