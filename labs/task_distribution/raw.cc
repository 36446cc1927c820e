// task_distribution, by system calls: socketpair, send, recv, shutdown, waitid.
//
//   Generator --tasks--> Worker 0, 1, ... --results--> Collector
//       |                     |                         keeps the books
//       `-----> [ board ] <---'  <--- Main puts back what a dead worker had
//
// Watch for: the queues are pairs of sockets that keep messages apart. Any
// number of workers may receive from one, each message goes to one of them, and
// shutdown(2) ends it for all. The kernel does not know which worker took what.

#include "labs/raw.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr int kTasks = 20;
constexpr int kWorkers = 2;
// Where a worker is killed, and with which task.
constexpr int kInTheMiddle = 7;
constexpr int kBeforeAcknowledging = 11;
constexpr int kBeforeClaiming = 3;

// A worker that has claimed a task writes its process number.
constexpr pid_t kOpen = -1;
constexpr pid_t kDone = -2;

struct Board {
  std::array<std::atomic<pid_t>, kTasks> states{};
  std::array<std::atomic<bool>, kTasks> killed{};
  std::atomic<int> begun{0};

  bool all_done() {
    return std::ranges::all_of(
        states, [](const auto& state) { return state == kDone; });
  }
};

struct Message {
  int task = 0;
  int worker = 0;
};

struct Queue {
  int reader = -1;
  int writer = -1;
};

Queue make_queue() {
  std::array<int, 2> ends{};
  constexpr int kType = SOCK_SEQPACKET | SOCK_CLOEXEC;
  check(::socketpair(AF_UNIX, kType, 0, ends.data()), "socketpair");
  return {ends[0], ends[1]};
}

// False if the queue is closed.
bool put(const Queue& queue, Message message) {
  const ssize_t size = retry([&] {
    return ::send(queue.writer, &message, sizeof message, MSG_NOSIGNAL);
  });
  return (size == -1 && errno == EPIPE) ? false : check(size, "send") > 0;
}

// Nothing if the queue is closed and empty.
std::optional<Message> get(const Queue& queue) {
  Message message;
  const ssize_t size =
      retry([&] { return ::recv(queue.reader, &message, sizeof message, 0); });
  if (check(size, "recv") == 0) return std::nullopt;  // [end]
  return message;
}

void meet(int fatal_task, Board& board, int task) {
  if (task != fatal_task) return;
  if (!board.killed.at(static_cast<size_t>(task)).exchange(true)) {
    ::raise(SIGKILL);
  }
}

void generate(Board& board, const Queue& tasks) {
  raw::say("Generator", "Creating " + std::to_string(kTasks) + " tasks");
  for (int task = 0; task < kTasks; ++task) {
    raw::say("Generator", "Created task " + std::to_string(task));
    board.states.at(static_cast<size_t>(task)) = kOpen;
    (void)put(tasks, {task, 0});  // Refused if it was done meanwhile.
  }
  raw::say("Generator", "All tasks created");
}

void work(Board& board, const Queue& tasks, const Queue& results, int id) {
  const std::string self = "Worker " + std::to_string(id);
  raw::say(self, "Started");
  int processed = 0;
  while (const auto message = get(tasks)) {
    const int task = message->task;
    auto& state = board.states.at(static_cast<size_t>(task));
    meet(kBeforeClaiming, board, task);
    pid_t expected = kOpen;
    if (!state.compare_exchange_strong(expected, ::getpid())) continue;
    raw::say(self, "Processing task " + std::to_string(task) + " (analysis)");
    ++board.begun;
    meet(kInTheMiddle, board, task);
    check(put(results, {task, id}) ? 0 : -1, "send");
    meet(kBeforeAcknowledging, board, task);
    state = kDone;
    if (board.all_done()) ::shutdown(tasks.writer, SHUT_WR);  // [shutdown]
    ++processed;
  }
  raw::say(self, "The tasks are closed");
  raw::say(self,
           "Finished after processing " + std::to_string(processed) + " tasks");
}

void collect(const Board& board, const Queue& results) {
  ::close(results.writer);  // Otherwise the end would never come.
  const std::string all = std::to_string(kTasks);
  raw::say("Collector", "Expecting " + all + " results");
  std::array<int, kTasks> entered{};
  int done = 0;
  int received = 0;
  while (const auto message = get(results)) {
    const bool first = ++entered.at(static_cast<size_t>(message->task)) == 1;
    raw::say("Collector", "Received result for task " +
                              std::to_string(message->task) + " from worker " +
                              std::to_string(message->worker) +
                              (first ? "" : " again"));
    ++received;
    if (!first || ++done < kTasks) continue;
    raw::say("Collector", "All " + all + " results collected");
    raw::say("Collector", "Total processing time: 0.00 seconds");
  }
  raw::say("Collector", "In the books: " + std::to_string(done) + " of " + all +
                            " tasks, each done once");
  raw::say("Collector", "In fact: begun " + std::to_string(board.begun) +
                            " times, done " + std::to_string(received) +
                            " times");
  if (done < kTasks) throw std::runtime_error("a task is lost");
}

void put_back(Board& board, const Queue& tasks, pid_t dead) {
  for (int task = 0; task < kTasks; ++task) {
    auto& state = board.states.at(static_cast<size_t>(task));
    pid_t expected = dead;
    if (state.compare_exchange_strong(expected, kOpen)) {
      raw::say("Main", "Task " + std::to_string(task) + " is put back");
    }
    // It may have been taken without a claim: it is put there again.
    if (state == kOpen) (void)put(tasks, {task, 0});
  }
  if (board.all_done()) ::shutdown(tasks.writer, SHUT_WR);
}

template <typename Role>
pid_t start(const std::string& name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name.c_str(), parent, role);
  return child;
}

siginfo_t wait_for(idtype_t which, pid_t child) {
  siginfo_t how{};
  check(retry([&] {
          return ::waitid(which, static_cast<id_t>(child), &how, WEXITED);
        }),
        "waitid");
  return how;
}

std::string lesson() {
  void* const memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (memory) Board;
  const Queue tasks = make_queue();
  const Queue results = make_queue();
  const pid_t collector = start("Collector", [&] { collect(board, results); });
  std::map<pid_t, std::string> crew;
  crew[start("Generator", [&] { generate(board, tasks); })] = "Generator";
  raw::say("Main",
           "Creating " + std::to_string(kWorkers) + " worker processes");
  int next = 0;
  const auto add_worker = [&] {
    const int id = next++;
    const std::string name = "Worker " + std::to_string(id);
    crew[start(name, [&] { work(board, tasks, results, id); })] = name;
  };
  while (next < kWorkers) add_worker();
  while (!crew.empty()) {
    const siginfo_t how = wait_for(P_ALL, 0);  // [any]
    const std::string name = crew[how.si_pid];
    crew.erase(how.si_pid);
    if (how.si_code == CLD_EXITED && how.si_status == 0) continue;
    if (!name.starts_with("Worker") || how.si_status != SIGKILL) {
      return "a child failed";
    }
    raw::say("Main", name + " was killed by SIGKILL");
    put_back(board, tasks, how.si_pid);
    add_worker();
  }
  ::close(results.writer);  // No process is left that puts a result.
  const siginfo_t how = wait_for(P_PID, collector);
  if (how.si_code != CLD_EXITED || how.si_status != 0) {
    return "the collector failed";
  }
  raw::say("Main", "All done!");
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
