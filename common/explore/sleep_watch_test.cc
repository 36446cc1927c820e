#include "common/explore/sleep_watch.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/pipe.h"
#include "common/process/process.h"

namespace {

// Looks until the process is seen asleep, or for a time after which it never
// will be.
bool is_seen_asleep(pid_t pid) {
  ipc::SleepWatch watch;
  const ipc::Deadline limit = ipc::Deadline::after(0.2 * ipc::time_scale());
  while (!limit.expired()) {
    if (watch.is_asleep(pid)) return true;
    ::sched_yield();
  }
  return false;
}

TEST(Asleep, IsAProcessThatReadsFromAnEmptyPipe) {
  ipc::Pipe pipe = ipc::make_pipe();
  const ipc::Process reader("Reader", [&] {
    char byte = 0;
    (void)!::read(pipe.reader.get(), &byte, 1);
  });
  EXPECT_TRUE(is_seen_asleep(reader.pid()));
}

TEST(Asleep, IsNotAProcessThatWorksOrWaitsForATime) {
  const ipc::Process worker("Worker", [] {
    while (true) continue;
  });
  EXPECT_FALSE(is_seen_asleep(worker.pid()));
  const ipc::Process sleeper("Sleeper", [] { ::sleep(1000); });
  EXPECT_FALSE(is_seen_asleep(sleeper.pid()));
}

TEST(Asleep, IsNotAProcessThatWaitsForAChildThatWorks) {
  const ipc::Process parent("Parent", [] {
    ipc::Process child("Child", [] {
      while (true) continue;
    });
    (void)child.join();
  });
  EXPECT_FALSE(is_seen_asleep(parent.pid()));
}

}  // namespace
