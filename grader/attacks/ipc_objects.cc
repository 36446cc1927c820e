// Opens, and would remove, what processes of the machine share.

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "attack.h"

int main() {
  using attack::unless;
  unless(shmget(canary::kKey, 0, 0) == -1, "shmget");
  unless(semget(canary::kKey, 0, 0) == -1, "semget");
  unless(msgget(canary::kKey, 0) == -1, "msgget");
  for (int number = 0; number < 100; ++number) {
    unless(shmctl(number, IPC_RMID, nullptr) == -1, "shmctl");
    unless(semctl(number, 0, IPC_RMID) == -1, "semctl");
    unless(msgctl(number, IPC_RMID, nullptr) == -1, "msgctl");
    unless(shmat(number, nullptr, 0) == reinterpret_cast<void*>(-1), "shmat");
  }
  unless(shm_open(canary::kShared, O_RDONLY, 0) == -1, "shm_open");
  unless(shm_unlink(canary::kShared) == -1, "shm_unlink");
  unless(mq_open(canary::kShared, O_RDONLY) == -1, "mq_open");
  unless(mq_unlink(canary::kShared) == -1, "mq_unlink");
  unless(unlink(canary::kFile) == -1, "unlink");
  return attack::end();
}
