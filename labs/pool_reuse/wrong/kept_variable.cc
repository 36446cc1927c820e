// Wrong: the task counts in a variable that it finds at 0 the first time.
//
// With a process for each task that was right. A worker of a pool continues
// with what the task before has left: the second answer is the sum of both.

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/pool/pool.h"
#include "common/report/report.h"

namespace {

constexpr int kTasks = 3;
constexpr int kLimit = 200;

int primes = 0;

int count_primes(int) {
  // Missing: primes = 0;
  for (int number = 2; number < kLimit; ++number) {
    int divisor = 2;
    while (number % divisor != 0) ++divisor;
    if (divisor == number) ++primes;
  }
  return primes;
}

std::string lesson() {
  ipc::Pool<int(int)> pool(1, count_primes);
  const std::vector<int> answers = pool.map_range(0, kTasks);
  ipc::say("A pool of 1: {} tasks in 1 processes, 1 began in a new one",
           kTasks);
  for (const int answer : answers) {
    ipc::say("{} primes below {}", answer, kLimit);
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("kept_variable", "New processes, or the same ones again.");
  return lab.run(argc, argv, lesson);
}
