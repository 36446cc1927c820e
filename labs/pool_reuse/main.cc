// pool_reuse: the same tasks, done by a new process each, and by a pool.
//
//   Main --fork--> Task 1, --fork--> Task 2, ...       one process, one task
//   Main --fork once--> Worker 1, Worker 2             many tasks each
//
// Watch for: how many processes there were, and what they cost. And which
// tasks find their process new: one that is used again remembers.
// Try: --limit=2000, so that each task takes longer. What is the pool worth?

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/pool/pool.h"
#include "common/process/process.h"
#include "common/report/measure.h"
#include "common/report/report.h"

namespace {

constexpr int kTasksMax = 1000;
constexpr int kPoolSizes[] = {1, 2, 4, 8};

int task_count = 40;
int limit = 200;
int round_count = 7;

struct Answer {
  int primes;  // Below the limit.
  int turn;    // Which task of its process it was: 1, 2, ...
  pid_t worker;
};

int turns = 0;  // [turns] An ordinary variable: each process has its own.

Answer count_primes(int) {
  int primes = 0;
  for (int number = 2; number < limit; ++number) {
    int divisor = 2;
    while (number % divisor != 0) ++divisor;
    if (divisor == number) ++primes;
  }
  return {primes, ++turns, ::getpid()};
}

using Answers = std::vector<Answer>;

// Forks a process for each task, and waits for it before the next.
Answers with_processes() {
  const ipc::Shared<std::array<Answer, kTasksMax>> answers;
  for (int task = 0; task < task_count; ++task) {
    ipc::Process process("Task " + std::to_string(task + 1),
                         [&] { (*answers)[task] = count_primes(task); });
    if (process.join() != 0) return {};
  }
  return {answers->begin(), answers->begin() + task_count};
}

using PrimePool = ipc::Pool<Answer(int)>;

Answers with_pool(PrimePool& pool) {
  return pool.map_range(0, task_count, {.chunk_size = 1});  // [map]
}

// Says how many processes did the tasks; returns what is wrong, if anything.
std::string look_at(const char* how, const Answers& answers) {
  std::set<pid_t> workers;
  int found_new = 0;
  for (const Answer& answer : answers) {
    workers.insert(answer.worker);
    if (answer.turn == 1) ++found_new;
    if (answer.primes != answers.front().primes) return "answers differ";
  }
  ipc::say("{}: {} tasks in {} processes, {} began in a new one", how,
           answers.size(), workers.size(), found_new);
  return answers.empty() ? "a task failed" : "";
}

ipc::Way timed(const std::function<void()>& work) {
  return [work] { return ipc::timed_s(work); };
}

std::string lesson() {
  PrimePool pool(2, count_primes);  // [pool] Forked here, and never again.
  std::string trouble = look_at("A process each", with_processes());
  if (trouble.empty()) trouble = look_at("A pool of 2", with_pool(pool));
  if (trouble.empty()) trouble = look_at("The same pool", with_pool(pool));
  if (!trouble.empty()) return trouble;

  const ipc::Samples samples = ipc::measure(
      round_count, {timed([] { (void)with_processes(); }),
                    timed([&] { (void)with_pool(pool); }), timed([] {
                      PrimePool fresh(2, count_primes);
                      (void)with_pool(fresh);
                    })});
  ipc::say("A process each: {}", ipc::describe_s(ipc::spread(samples[0])));
  ipc::say("A pool of 2: {}", ipc::describe_s(ipc::spread(samples[1])));
  ipc::say("The pool is {} times as fast",
           ipc::describe(ipc::ratio(samples[0], samples[1])));
  ipc::say("A new pool for every call is {} times as fast",
           ipc::describe(ipc::ratio(samples[0], samples[2])));

  ipc::say("Processors: {}", ::sysconf(_SC_NPROCESSORS_ONLN));
  for (const int size : kPoolSizes) {
    PrimePool sized(size, count_primes);
    const auto times =
        ipc::measure(round_count, {timed([&] { (void)with_pool(sized); })});
    ipc::say("A pool of {}: {}", size, ipc::describe_s(ipc::spread(times[0])));
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pool_reuse", "New processes, or the same ones again.");
  lab.option("--tasks", task_count, 1, kTasksMax, "how many tasks");
  lab.option("--limit", limit, 2, 100'000, "count the primes below it");
  lab.option("--rounds", round_count, 1, 1000, "rounds to be measured");
  return lab.run(argc, argv, lesson);
}
