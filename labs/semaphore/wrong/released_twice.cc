// Wrong: worker 0 releases at the end of its work and, to be safe, once more.
// An ordinary semaphore believes it: now there are three permits.

#include <string>

#include "common/lab.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/semaphore.h"
#include "common/shared.h"

namespace {

void work(ipc::Semaphore& permits, bool twice) {
  permits.acquire();
  ipc::say("Acquired the semaphore");
  ipc::point("with a permit");
  ipc::say("Releasing the semaphore");
  permits.release();
  if (twice) permits.release();
}

std::string lesson() {
  const ipc::Shared<ipc::Semaphore> permits(2U);
  ipc::Schedule schedule(true);
  for (int i = 0; i < 4; ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&, i] { work(*permits, i == 0); });
  }
  return schedule.play("AABCDBCD");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("released_twice", "Two permits become three.");
  return lab.run(argc, argv, lesson);
}
