// Wrong: forks while another thread holds a lock.
//
// fork(2) copies the memory with the locked mutex in it, and of the threads
// only the one that has called it. In the child no thread will ever unlock it.

#include <latch>
#include <mutex>
#include <string>
#include <thread>

#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::mutex log_lock;

std::string lesson() {
  std::latch locked(1);
  std::latch forked(1);
  std::jthread logger([&] {
    const std::lock_guard<std::mutex> guard(log_lock);
    locked.count_down();
    forked.wait();
  });
  locked.wait();
  ipc::Process child("Child", [] {
    ipc::say("Locks its copy of the lock");
    const std::lock_guard<std::mutex> guard(log_lock);
    ipc::say("Has it");
  });
  forked.count_down();
  return child.join() == 0 ? "" : "the child failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("fork_with_threads", "The same by threads and processes.");
  return lab.run(argc, argv, lesson);
}
