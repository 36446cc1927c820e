// threads_or_processes: what they share, what a crash costs, who waits.
//
//   Main --+-- threads: one memory, one fate
//          +-- processes: what was asked to be shared, and a fate each
//          `-- poll: neither, and yet eight things at once
//
// Watch for: the same crash in act 2, which costs one worker or all of them; in
// act 3, eight answers by three means, one of which starts nothing.
// Try: --unlucky=2; --questions=100; ./bazelw run -c opt for the figures.

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/measure.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/threads_or_processes/asking.h"

namespace {

using ipc::Process;

constexpr int kWorkers = 3;

int unlucky = 1;
int question_count = 8;
int round_count = 5;

std::string who_sees_it() {
  int number = 7;
  std::jthread([&] { number = 42; }).join();
  ipc::say("A thread has set my number to {}", number);
  if (number != 42) return "a thread has a number of its own";
  number = 7;
  Process child("Child", [&] { number = 42; });
  if (child.join() != 0) return "the child failed";
  ipc::say("A process has left my number at {}", number);
  return number == 7 ? "" : "a process has written to my number";
}

struct Hall {
  ipc::Event crashed;  // Then those that are left do their work.
  std::atomic<int> results{0};
};

void work(int id, Hall& hall) {
  if (id == unlucky) {
    int* volatile nowhere = reinterpret_cast<int*>(16);
    *nowhere = 1;  // [crash]
  }
  hall.crashed.wait();
  ++hall.results;
}

int crew_of_threads(Hall& hall) {
  Process crew("Crew", [&] {
    std::vector<std::jthread> workers;
    workers.reserve(kWorkers);
    for (int id = 0; id < kWorkers; ++id) {
      workers.emplace_back([&hall, id] { work(id, hall); });
    }
  });
  const int status = crew.join();
  hall.crashed.set();
  return status;
}

int crew_of_processes(Hall& hall) {
  std::vector<Process> workers;
  workers.reserve(kWorkers);
  for (int id = 0; id < kWorkers; ++id) {
    workers.emplace_back("Worker " + std::to_string(id),
                         [&hall, id] { work(id, hall); });
  }
  const int status = workers[static_cast<size_t>(unlucky)].join();
  hall.crashed.set();
  for (int id = 0; id < kWorkers; ++id) {
    const bool failed = workers[static_cast<size_t>(id)].join() != 0;
    if (failed && id != unlucky) throw std::runtime_error("a worker failed");
  }
  return status;
}

std::string crash(const char* name, int (*crew)(Hall&), int wanted) {
  const ipc::Shared<Hall> hall;
  const int status = crew(*hall);
  const int results = hall->results;
  ipc::say("{}: {}, {} of {} results", name, ipc::describe_status(status),
           results, kWorkers);
  return results == wanted ? "" : "the number of results is wrong";
}

std::string wait_for_all() {
  const std::vector<std::pair<const char*, Ask>> ways{
      {"Processes", ask_by_processes},
      {"Threads", ask_by_threads},
      {"One thread and poll", ask_by_poll}};
  std::vector<ipc::Way> measured;
  for (const auto& [name, ask] : ways) {
    const int answers = ask_all(question_count, ask).answers;
    ipc::say("{}: {} of {} answers", name, answers, question_count);
    if (answers != question_count) return "an answer is missing";
    measured.emplace_back(
        [ask = ask] { return ask_all(question_count, ask).seconds; });
  }
  const auto times = ipc::measure(round_count, measured);
  for (size_t i = 0; i < ways.size(); ++i) {
    ipc::say("{}: {}", ways[i].first, ipc::describe_s(ipc::spread(times[i])));
  }
  for (size_t i = 1; i < ways.size(); ++i) {
    ipc::say("{}: {} times as fast as processes", ways[i].first,
             ipc::describe(ipc::ratio(times[0], times[i])));
  }
  return "";
}

std::string lesson() {
  ipc::say("Act 1: who sees what is written?");
  if (auto problem = who_sees_it(); !problem.empty()) return problem;
  ipc::say("Act 2: one worker of {} crashes", kWorkers);
  auto problem = crash("Threads", crew_of_threads, 0);
  if (problem.empty()) {
    problem = crash("Processes", crew_of_processes, kWorkers - 1);
  }
  if (!problem.empty()) return problem;
  ipc::say("Act 3: {} answers, and none before all have asked", question_count);
  return wait_for_all();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("threads_or_processes", "The same by threads and processes.");
  lab.option("--unlucky", unlucky, 0, kWorkers - 1, "the worker that crashes");
  lab.option("--questions", question_count, 1, 200, "questions of act 3");
  lab.option("--rounds", round_count, 1, 1000, "measured rounds");
  return lab.run(argc, argv, lesson);
}
