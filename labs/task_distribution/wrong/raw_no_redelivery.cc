// Wrong: Main does not ask how a worker has ended, nor what it had.
//
// A message that was received is in no queue any more. Worker 0 dies with it,
// and the kernel does not know that it was a task. The other worker waits for
// tasks, the collector for results, and both wait forever.

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr int kTasks = 3;
using Queue = std::array<int, 2>;  // Where one receives, and where one sends.

Queue make_queue() {
  Queue ends{};
  constexpr int kType = SOCK_SEQPACKET | SOCK_CLOEXEC;
  check(::socketpair(AF_UNIX, kType, 0, ends.data()), "socketpair");
  return ends;
}

void put(const Queue& queue, int task) {
  check(retry([&] { return ::send(queue[1], &task, sizeof task, 0); }), "send");
}

// Nothing if the queue is closed and empty.
std::optional<int> get(const Queue& queue) {
  int task = 0;
  const ssize_t size =
      retry([&] { return ::recv(queue[0], &task, sizeof task, 0); });
  return check(size, "recv") == 0 ? std::nullopt : std::optional(task);
}

void work(const Queue& tasks, const Queue& results, int id) {
  while (const auto task = get(tasks)) {
    raw::say("Worker " + std::to_string(id),
             "Processing task " + std::to_string(*task) + " (analysis)");
    if (id == 0) ::raise(SIGKILL);
    put(results, *task);
  }
}

void collect(const Queue& results) {
  for (int i = 0; i < kTasks; ++i) {
    const int task = get(results).value();
    raw::say("Collector", "Received result for task " + std::to_string(task) +
                              " from worker 1");
  }
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

void wait_for(pid_t child) {
  check(retry([&] { return ::waitpid(child, nullptr, 0); }), "waitpid");
}

std::string lesson() {
  const Queue tasks = make_queue();
  const Queue results = make_queue();
  const auto create = [&](int task) {
    raw::say("Main", "Created task " + std::to_string(task));
    put(tasks, task);
  };
  create(0);
  const pid_t victim = start("Worker 0", [&] { work(tasks, results, 0); });
  wait_for(victim);
  // Missing: its status, and task 0 again.
  const pid_t worker = start("Worker 1", [&] { work(tasks, results, 1); });
  create(1);
  create(2);
  const pid_t collector = start("Collector", [&] { collect(results); });
  wait_for(collector);
  check(::shutdown(tasks[1], SHUT_WR), "shutdown");
  wait_for(worker);
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
