// event: one process says "it has happened", and all that wait continue.
//
//   Waiter 0..2 --wait--> [ event ] <--set-- Setter
//
// Watch for: act 2 sets the event after the waiters have begun to wait, act 3
// before; only in act 2 do they wait. In act 4 a waiter is killed in its
// sleep, and neither the setter nor the other waiters notice.
// Try: --schedule=all, and delete a line marked [set] or [answer].

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "common/base/clock.h"
#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

using ipc::Deadline;

constexpr int kSteps = 1;  // Each process does all of its work in one step.
constexpr int kAnswer = 42;
constexpr double kPauseS = 0.5;
std::string order;

struct Board {
  ipc::Event ready;
  int answer = 0;                  // Written before `ready` is set, read after.
  std::atomic<int> notified{0};    // How many have been woken, or never slept.
  std::atomic<int> informed{0};    // How many of these got the answer.
  std::atomic<pid_t> sleeper{-1};  // To be killed in act 4.
};

void wait_for_answer(Board& board, Deadline deadline, bool is_killed) {
  if (is_killed) board.sleeper = ::getpid();
  ipc::say("Waiting for the event");
  if (!board.ready.wait_until(deadline)) {  // [wait]
    ipc::say("It was not set in time: there is no answer");
    return;
  }
  const int answer = board.answer;
  ipc::say("Received the event notification: the answer is {}", answer);
  ++board.notified;
  if (answer == kAnswer) ++board.informed;
}

void give_answer(Board& board) {
  ipc::pause_s(kPauseS);
  if (board.sleeper > 0) {
    ipc::say("Killing a waiter that is asleep");
    ::kill(board.sleeper, SIGKILL);
  }
  board.answer = kAnswer;  // [answer]
  ipc::say("Setting the event");
  board.ready.set();  // [set]
}

void add_all(ipc::Schedule& schedule, Board& board, int waiters, bool kills) {
  for (int i = 0; i < waiters; ++i) {
    schedule.add("Waiter " + std::to_string(i), [&, i] {
      wait_for_answer(board, Deadline::never(), kills && i == 1);
    });
  }
  schedule.add("Setter", [&] { give_answer(board); });
}

// The last process of the order sets the event, and the others wait. Returns
// how many of these continued, or -1 if any of them failed.
int play(const std::string& steps, bool narrated, bool kills) {
  const ipc::Shared<Board> board;
  ipc::describe_object("Event", &board->ready, "ready");
  ipc::Schedule schedule(narrated);
  add_all(schedule, *board, ipc::order_size(steps) - 1, kills);
  // A waiter that was killed, or still sleeps, is missing from the count.
  (void)schedule.play(steps);
  for (size_t i = 0; i < schedule.size(); ++i) {
    const int wanted = kills && i == 1 ? -SIGKILL : 0;
    if (schedule.status(i) != wanted) return -1;
  }
  return board->notified;
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  ipc::describe_object("Event", &board->ready, "ready");
  schedule.show("ready",
                [&] { return board->ready.is_set() ? "set" : "not set"; });
  schedule.show("answer", [&] { return std::to_string(board->answer); });
  add_all(schedule, *board, 2, false);
  schedule.run();
  return std::to_string(board->notified) + " went on, " +
         std::to_string(board->informed) + " with the answer";
}

std::string judge(int notified, int waiters) {
  ipc::say("Notified {} of {} waiters", notified, waiters);
  return notified == waiters ? "" : "a waiter was not notified";
}

std::string play_all() {
  const auto outcomes = ipc::play_all(
      3, kSteps, "Notified waiters:", [](const std::string& steps) {
        return std::to_string(play(steps, false, false));
      });
  return judge(std::stoi(outcomes.begin()->first), 2);
}

std::string lesson() {
  if (order == "all") return play_all();
  if (!order.empty()) {
    return judge(play(order, true, false), ipc::order_size(order) - 1);
  }
  ipc::say("Act 1: it is never set");
  const ipc::Shared<Board> board;
  ipc::Process waiter("Waiter 0", [&] {
    wait_for_answer(*board, Deadline::after(ipc::paced_s(kPauseS)), false);
  });
  if (waiter.join() != 0) return "a waiter failed";
  ipc::say("Act 2: it is set while they wait");
  std::string problem = judge(play("ABCD", true, false), 3);
  ipc::say("Act 3: it is set before they wait");
  if (problem.empty()) problem = judge(play("DABC", true, false), 3);
  ipc::say("Act 4: one is killed in its sleep");
  if (problem.empty()) problem = judge(play("ABCD", true, true), 2);
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("event", "One sets an event, and all that wait continue.");
  lab.option("--schedule", order, ipc::order_rule(kSteps),
             "only this order, such as ABC, or all; the last sets");
  lab.explores("waiters", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
