// shared_values by system calls: mmap, fork, waitpid; and the mutex of pthreads
// with the two attributes that several processes need.
//
//   Incrementer 0..3 --add 1 to each--> [ counter ] [ array of 5 ] <-- Monitor
//
// Watch for: MAP_SHARED, before fork. In the wrong variant it is MAP_PRIVATE,
// and no process sees what the others do.

#include "labs/raw.h"

#include <pthread.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw_turns.h"

namespace {

using ipc::check_zero;
using Numbers = std::array<int, 5>;

struct Board {
  pthread_mutex_t counter_lock;
  pthread_mutex_t array_lock;
  int counter;
  Numbers array;
};

void make_lock(pthread_mutex_t& lock) {
  pthread_mutexattr_t how;
  check_zero(::pthread_mutexattr_init(&how), "pthread_mutexattr_init");
  check_zero(::pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED),
             "pthread_mutexattr_setpshared");
  check_zero(::pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST),
             "pthread_mutexattr_setrobust");  // [robust]
  check_zero(::pthread_mutex_init(&lock, &how), "pthread_mutex_init");
  ::pthread_mutexattr_destroy(&how);
}

// Memory that our children will share with us. It has no name, and disappears
// with the last process that maps it.
Board& make_board() {
  void* const page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);  // [mmap]
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board{};
  make_lock(board.counter_lock);
  make_lock(board.array_lock);
  return board;
}

// Fails if the last owner has died inside: it may have left half a round, and
// that cannot be repaired. It fails for all later callers, too.
void lock(pthread_mutex_t& mutex) {
  int error = ::pthread_mutex_trylock(&mutex);
  if (error == EBUSY) {
    raw::has_to_wait();
    error = ::pthread_mutex_lock(&mutex);
    raw::point();
  }
  check_zero(error, "pthread_mutex_lock");  // [died]
}

void unlock(pthread_mutex_t& mutex) {
  check_zero(::pthread_mutex_unlock(&mutex), "pthread_mutex_unlock");
}

void increment(Board& board, bool locked) {
  lock(board.counter_lock);
  ++board.counter;
  unlock(board.counter_lock);
  if (locked) lock(board.array_lock);
  for (int& number : board.array) {
    // Atomic, so that each load and each store is whole; they are still two.
    const std::atomic_ref<int> item(number);
    const int seen = item.load(std::memory_order_relaxed);
    raw::point();
    item.store(seen + 1, std::memory_order_relaxed);
  }
  if (locked) unlock(board.array_lock);
}

std::string shown(const Numbers& numbers, bool locked) {
  std::string text;
  for (const int number : numbers) {
    text += (text.empty() ? "[" : ", ") + std::to_string(number);
  }
  return text + (locked ? "]" : "] (without lock)");
}

void monitor(Board& board, bool locked) {
  lock(board.counter_lock);
  const int count = board.counter;
  unlock(board.counter_lock);
  Numbers seen{};
  if (locked) lock(board.array_lock);
  for (size_t i = 0; i < seen.size(); ++i) {
    const std::atomic_ref<int> item(board.array[i]);
    seen[i] = item.load(std::memory_order_relaxed);
  }
  if (locked) unlock(board.array_lock);
  raw::say("Monitor", "Current count: " + std::to_string(count) +
                          ", Array: " + shown(seen, locked));
}

// Waits for the actors, and says what they have left.
std::string judge(std::vector<raw::Actor>& actors, Board& board, int rounds,
                  bool locked) {
  std::string problem = raw::finish(actors);
  if (!problem.empty()) return problem;
  const Numbers numbers = board.array;
  const int total = board.counter;
  ipc::check(::munmap(&board, sizeof board), "munmap");
  raw::say("Main", "Final counter value: " + std::to_string(total));
  if (total != rounds) return "the counter is wrong; is it locked?";
  raw::say("Main", "Final array values: " + shown(numbers, locked));
  const int updates = rounds * static_cast<int>(numbers.size());
  const int lost = updates - std::accumulate(numbers.begin(), numbers.end(), 0);
  raw::say("Main", "Lost " + std::to_string(lost) + " of " +
                       std::to_string(updates) + " updates of the array");
  return locked && lost != 0 ? "updates were lost; is the array locked?" : "";
}

// Two incrementers, one round each, and one look, in the fatal order.
std::string play(bool locked) {
  Board& board = make_board();
  std::vector<raw::Actor> actors;
  for (const char* const name : {"Incrementer 0", "Incrementer 1"}) {
    actors.push_back(raw::start(name, [&] { increment(board, locked); }));
  }
  actors.push_back(raw::start("Monitor", [&] { monitor(board, locked); }));
  raw::play(actors, "AAACBBBBBBAAA");
  return judge(actors, board, 2, locked);
}

// As in the guide: the order is not arranged.
std::string work() {
  Board& board = make_board();
  std::vector<raw::Actor> actors;
  actors.reserve(5);
  for (int i = 0; i < 4; ++i) {
    actors.push_back(raw::start("Incrementer " + std::to_string(i), [&] {
      for (int k = 0; k < 100; ++k) increment(board, false);
    }));
  }
  actors.push_back(raw::start("Monitor", [&] {
    for (int k = 0; k < 20; ++k) monitor(board, false);
  }));
  return judge(actors, board, 400, false);
}

std::string lesson() {
  raw::say("Main", "Act 1: nobody locks the array");
  std::string problem = play(false);
  if (!problem.empty()) return problem;
  raw::say("Main", "Act 2: all lock the array");
  problem = play(true);
  if (!problem.empty()) return problem;
  raw::say("Main", "Act 3: no order, 4 incrementers, 100 times each");
  return work();
}

}  // namespace

int main() { return raw::run(lesson); }
