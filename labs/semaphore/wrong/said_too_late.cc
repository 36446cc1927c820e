// Wrong: a worker says that it has released after it has. In between another
// one acquires, and the log shows three holders of two permits.

#include <string>

#include "common/lab.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/semaphore.h"
#include "common/shared.h"

namespace {

void work(ipc::Semaphore& permits) {
  permits.acquire();
  ipc::say("Acquired the semaphore");
  ipc::point("with a permit");
  permits.release();
  ipc::point("released and silent");
  ipc::say("Released the semaphore");
}

std::string lesson() {
  const ipc::Shared<ipc::Semaphore> permits(2U);
  ipc::Schedule schedule(true);
  for (int i = 0; i < 3; ++i) {
    schedule.add("Worker " + std::to_string(i), [&] { work(*permits); });
  }
  return schedule.play("ABCAABBCC");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("said_too_late", "A log that shows what never was.");
  return lab.run(argc, argv, lesson);
}
