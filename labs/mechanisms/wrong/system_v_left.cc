// Wrong: memory of System V is detached, and never removed.
//
// It is not a descriptor, and no process owns it: the end of the last one that
// has it attached changes nothing. It would stay until the machine is started
// again. Here there is a note of its key, so the keeper of the lab removes it.

#include <sys/ipc.h>
#include <sys/shm.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/kernel_object.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  // With its destructor, which never comes, it would remove the memory.
  const ipc::NotedObject* const object =
      std::make_unique<ipc::NotedObject>(ipc::ObjectKind::sysv_memory)
          .release();
  const int id = ipc::check(
      ::shmget(object->key(), sizeof(uint64_t), IPC_CREAT | IPC_EXCL | 0600),
      "shmget");
  auto* const number = static_cast<uint64_t*>(::shmat(id, nullptr, 0));
  if (reinterpret_cast<intptr_t>(number) == -1) return "no shmat";
  // Missing: shmctl(id, IPC_RMID, nullptr). It takes effect when the last
  // process has detached the memory.
  ipc::Process sender("Sender", [&] { *number = 36; });
  if (sender.join() != 0) return "the sender failed";
  ipc::say("Sums: sent 36, received {}", *number);
  ::shmdt(number);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("system_v_left", "One job over every mechanism that Linux has.");
  return lab.run(argc, argv, lesson);
}
