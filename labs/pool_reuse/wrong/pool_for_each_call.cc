// Wrong: the pool is made where it is used, and ends there.
//
// It looks like a pool, but every call pays for new processes all the same.
// What a worker should keep, such as a connection or a table that it has read,
// is lost after each call.

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/pool/pool.h"
#include "common/report/report.h"

namespace {

constexpr int kCalls = 5;

int turns = 0;

int next_turn(int) { return ++turns; }

int call() {
  ipc::Pool<int(int)> pool(1, next_turn);  // Belongs before all the calls.
  return pool.submit(0).get();
}

std::string lesson() {
  int found_new = 0;
  for (int i = 0; i < kCalls; ++i) {
    if (call() == 1) ++found_new;
  }
  ipc::say("A pool of 1: {} tasks in {} processes, {} began in a new one",
           kCalls, found_new, found_new);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pool_for_each_call", "New processes, or the same ones again.");
  return lab.run(argc, argv, lesson);
}
