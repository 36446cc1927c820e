#include "common/process/kernel_object.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <set>
#include <string>

namespace {

using ipc::ObjectKind;

constexpr int kNew = IPC_CREAT | IPC_EXCL | 0600;

std::string note_of(ObjectKind kind) {
  return "kernel-object-test-" + std::to_string(::getpid()) + "-" +
         ipc::draw_note(kind);
}

void expect_to_be_removed(const std::string& note) {
  EXPECT_TRUE(ipc::object_exists(note)) << note;
  EXPECT_TRUE(ipc::remove_object(note)) << note;
  EXPECT_FALSE(ipc::object_exists(note)) << note;
  EXPECT_FALSE(ipc::remove_object(note)) << note;
}

TEST(KernelObject, OfEachKindIsFoundAndRemovedByItsNote) {
  std::string note = note_of(ObjectKind::posix_queue);
  const mqd_t queue = ::mq_open(ipc::queue_of_note(note).c_str(),
                                O_RDWR | O_CREAT | O_EXCL, 0600, nullptr);
  ASSERT_NE(queue, -1);
  ::mq_close(queue);
  expect_to_be_removed(note);

  note = note_of(ObjectKind::sysv_memory);
  ASSERT_NE(::shmget(ipc::key_of_note(note), 1, kNew), -1);
  expect_to_be_removed(note);

  note = note_of(ObjectKind::sysv_semaphores);
  ASSERT_NE(::semget(ipc::key_of_note(note), 1, kNew), -1);
  expect_to_be_removed(note);

  note = note_of(ObjectKind::sysv_queue);
  ASSERT_NE(::msgget(ipc::key_of_note(note), kNew), -1);
  expect_to_be_removed(note);
}

TEST(KernelObject, OfOneKindIsNotTakenForAnotherKindWithTheSameKey) {
  const std::string memory = note_of(ObjectKind::sysv_memory);
  ASSERT_NE(::shmget(ipc::key_of_note(memory), 1, kNew), -1);
  std::string queue = memory;
  queue.replace(queue.find("sysv_memory"), 11, "sysv_queue");
  EXPECT_EQ(ipc::key_of_note(queue), ipc::key_of_note(memory));
  EXPECT_FALSE(ipc::remove_object(queue));
  expect_to_be_removed(memory);
}

TEST(KernelObject, KeysDiffer) {
  std::set<std::string> notes;
  for (int i = 0; i < 100; ++i) {
    notes.insert(ipc::draw_note(ObjectKind::sysv_queue));
  }
  EXPECT_EQ(notes.size(), 100U);
}

TEST(KernelObject, AFileThatIsNotANoteIsLeftAlone) {
  EXPECT_TRUE(ipc::is_note("a-object-sysv_queue-0000000a"));
  for (const char* const name :
       {"", "a-object-", "object-posix_queue", "a-object-posix_queue-1",
        "a-object-sysv_queue", "a-object-sysv_queue-", "a-object-sysv_queue-1",
        "a-object-sysv_queue-0000000g", "a-object-sysv_queue-00000000",
        "a-object-sysv_queue-0000000a1", "a-object-other-0000000a"}) {
    EXPECT_FALSE(ipc::is_note(name)) << name;
    EXPECT_FALSE(ipc::object_exists(name)) << name;
    EXPECT_FALSE(ipc::remove_object(name)) << name;
    EXPECT_EQ(ipc::key_of_note(name), IPC_PRIVATE) << name;
  }
}

}  // namespace
