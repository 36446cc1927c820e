#include "common/report/waits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "common/base/hooks.h"
#include "common/process/process.h"

namespace {

using ipc::EventKind;
using ipc::noted_wait;

// The tests report events as the library does. All notes are in the memory of
// one test program, so each test has objects of its own.
class Waits : public testing::Test {
 protected:
  void SetUp() override { ipc::note_waits(); }

  static std::string awaited() { return noted_wait(::gettid()).object; }
};

TEST_F(Waits, AWaitIsNotedUntilItIsOver) {
  const int lock = 0;
  EXPECT_EQ(awaited(), "");
  ipc::object_event(EventKind::wait, "Lock", &lock);
  EXPECT_EQ(awaited().substr(0, 5), "Lock@");
  ipc::object_event(EventKind::wake, "Lock", &lock);
  EXPECT_EQ(awaited(), "");
}

TEST_F(Waits, AnObjectIsCalledByItsName) {
  const int queue = 0;
  ipc::describe_object("Queue", &queue, "items");
  ipc::object_event(EventKind::wait, "Queue", &queue, "room in");
  EXPECT_EQ(awaited(), "Queue 'items'");
  EXPECT_EQ(noted_wait(::gettid()).part, "room in");
  ipc::object_event(EventKind::wake, "Queue", &queue);
}

TEST_F(Waits, TheHolderOfASemaphoreIsNoted) {
  const int semaphore = 0;
  const auto tell = [&](EventKind kind) {
    ipc::object_event(kind, "Semaphore", &semaphore);
  };
  tell(EventKind::acquire);
  tell(EventKind::wait);
  EXPECT_EQ(noted_wait(::gettid()).holders, std::vector<pid_t>{::getpid()});
  tell(EventKind::release);
  EXPECT_EQ(noted_wait(::gettid()).holders, std::vector<pid_t>{});
  tell(EventKind::wake);
}

TEST_F(Waits, TheNotesOfAChildAreSeenHere) {
  const int event = 0;
  ipc::Process child("A child with a long name", [&] {
    ipc::object_event(EventKind::wait, "Event", &event);
  });
  const pid_t pid = child.pid();
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(ipc::noted_name(pid), "A child with a long name");
  // The wait ended with the child.
  EXPECT_EQ(noted_wait(pid).object, "");
}

TEST_F(Waits, HoldersBeyondTheRoomAreLeftOut) {
  const int semaphore = 0;
  for (int i = 0; i < 5000; ++i) {
    ipc::object_event(EventKind::acquire, "Semaphore", &semaphore);
  }
  for (int i = 0; i < 5000; ++i) {
    ipc::object_event(EventKind::release, "Semaphore", &semaphore);
  }
  ipc::object_event(EventKind::wait, "Semaphore", &semaphore);
  EXPECT_EQ(noted_wait(::gettid()).holders, std::vector<pid_t>{});
  ipc::object_event(EventKind::wake, "Semaphore", &semaphore);
}

}  // namespace
