// Wrong: counts on the other workers after one has crashed, and they are
// threads of one process.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

constexpr int kWorkers = 3;

struct Hall {
  ipc::Event crashed;
  std::atomic<int> results{0};
};

void work(int id, Hall& hall) {
  if (id == 1) {
    int* volatile nowhere = reinterpret_cast<int*>(16);
    *nowhere = 1;
  }
  hall.crashed.wait();
  ++hall.results;
}

std::string lesson() {
  const ipc::Shared<Hall> hall;
  ipc::Process crew("Crew", [&] {
    std::vector<std::jthread> workers;
    for (int id = 0; id < kWorkers; ++id) {
      workers.emplace_back([&hall, id] { work(id, *hall); });
    }
  });
  const int status = crew.join();
  hall->crashed.set();  // For those that are left; but none is.
  const int results = hall->results;
  ipc::say("Processes: {}, {} of {} results", ipc::describe_status(status),
           results, kWorkers);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("crew_of_threads", "The same by threads and processes.");
  return lab.run(argc, argv, lesson);
}
