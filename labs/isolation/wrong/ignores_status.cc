// Wrong: Main waits for the child's end and takes it for the end of its work.
// The child has crashed in the middle, and the run is called a success.

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

struct Shelves {
  int left_boxes = 100;
  int right_boxes = 0;
};

void move_boxes(Shelves& shelves) {
  ipc::say("I move {} boxes from left to right", 30);
  shelves.left_boxes -= 30;
  int* volatile nowhere = reinterpret_cast<int*>(16);
  *nowhere = 1;
  shelves.right_boxes += 30;
}

std::string lesson() {
  const ipc::Shared<Shelves> shelves;
  ipc::Process child("Child", [&] { move_boxes(*shelves); });
  (void)child.join();
  ipc::say("The child has moved its boxes");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignores_status", "What a parent sees of what its child does.");
  return lab.run(argc, argv, lesson);
}
