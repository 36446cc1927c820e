// Wrong: MAP_PRIVATE. The mapping is there in the children, too, but the first
// write to a page makes a copy of it, which no other process will ever see.

#include <sys/mman.h>

#include <array>
#include <new>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"
#include "labs/raw_turns.h"

namespace {

struct Board {
  int counter;
  std::array<int, 5> array;
};

void increment(Board& board) {
  ++board.counter;
  for (int& number : board.array) ++number;
}

std::string lesson() {
  void* const page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board{};
  std::vector<raw::Actor> actors;
  actors.push_back(raw::start("Incrementer 0", [&] { increment(board); }));
  actors.push_back(raw::start("Incrementer 1", [&] { increment(board); }));
  raw::play(actors, "AB");
  const std::string problem = raw::finish(actors);
  int sum = 0;
  for (const int number : board.array) sum += number;
  raw::say("Main", "Final counter value: " + std::to_string(board.counter));
  raw::say("Main",
           "Lost " + std::to_string(10 - sum) + " of 10 updates of the array");
  return problem;
}

}  // namespace

int main() { return raw::run(lesson); }
