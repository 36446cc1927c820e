// batching: many numbers in one message, and what that saves and costs.
//
//   Main --one by one--> Sender ===in batches===> Receiver
//
// Watch for: the three reasons why a batch is sent. Without the second, a
// number could wait forever for others; without the third, the last ones would
// never be sent. Act 2 sends the same numbers in few messages, and in many.
// Try: --batch=1; --batch=1000; and let `limit` always be never().

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/measure.h"
#include "common/report/report.h"
#include "labs/batching/traffic.h"

namespace {

using ipc::ConnectionPair;
using ipc::Deadline;
using ipc::Queue;

constexpr size_t kFull = 3;
constexpr int kLast = 4;
constexpr double kPatienceS = 0.5;

int number_count = 10'000;
int batch_size = 100;
int round_count = 5;

void collect(ipc::Connection& source, ipc::Connection& sink,
             double patience_s) {
  std::vector<int> batch;
  const auto go = [&](const char* reason) {
    ipc::say("Batch of {} goes: {}", batch.size(), reason);
    ipc::ensure(sink.send(fmt::format("{}", fmt::join(batch, " "))));
    ipc::ensure(source.send(std::to_string(batch.back())));
    batch.clear();
  };
  Deadline limit = Deadline::never();
  while (true) {
    const auto number = source.receive_until(limit);
    if (!number && batch.empty()) return;  // Main has gone.
    if (number) {
      ipc::say("Added {}", *number);
      if (batch.empty()) limit = Deadline::after(patience_s);
      batch.push_back(std::stoi(*number));
      if (batch.back() == kLast) return go("it is the last");
      if (batch.size() < kFull) continue;
    }
    go(number ? "it is full" : "its oldest number has waited long enough");
    limit = Deadline::never();  // [reasons]
  }
}

std::string collect_batches() {
  ConnectionPair numbers = ipc::make_connections();
  ConnectionPair batches = ipc::make_connections();
  // Sent before Sender exists: none of these numbers comes late.
  for (int i = 0; i < kLast; ++i)
    ipc::ensure(numbers.first.send(std::to_string(i)));
  ipc::Process sender("Sender", [&] {
    numbers.first.close();
    batches.second.close();
    collect(numbers.second, batches.first, ipc::paced_s(kPatienceS));
  });
  ipc::Process receiver("Receiver", [&] {
    batches.first.close();
    while (const auto got = batches.second.receive()) ipc::say("Got {}", *got);
  });
  numbers.second.close();
  batches = {};
  // The last number comes only when the one before it has gone by its age.
  while (const auto gone = numbers.first.receive()) {
    const int next = std::stoi(*gone) + 1;
    if (next == kLast) ipc::ensure(numbers.first.send(std::to_string(next)));
  }
  if (sender.join() != 0 || receiver.join() != 0) return "a process failed";
  return "";
}

// What the explorer plays. Its time passes only while all processes wait: a
// number comes when another one has waited for more than half of the patience.
std::string go_by_age(ipc::Schedule& schedule) {
  ConnectionPair numbers = ipc::make_connections();
  ConnectionPair batches = ipc::make_connections();
  Queue seen(1);
  const auto soon = [] { return Deadline::after(0.6 * kPatienceS); };
  schedule.add("Main", [&] {
    ipc::ensure(numbers.first.send("0"));
    const bool early = bool(numbers.first.receive_until(soon()));
    ipc::ensure(numbers.first.send("1"));
    const bool in_time = bool(numbers.first.receive_until(soon()));
    ipc::ensure(seen.put(early     ? "gone too early"
                         : in_time ? "gone in time"
                                   : "not gone"));
    ipc::ensure(numbers.first.send(std::to_string(kLast)));
  });
  schedule.add("Sender",
               [&] { collect(numbers.second, batches.first, kPatienceS); });
  schedule.run();
  return *seen.get();
}

// Says what was sent, and then how long it takes.
std::string compare(const char* name, Channel channel) {
  for (const int size : {1, batch_size}) {
    const Traffic traffic = send_numbers(channel, number_count, size);
    ipc::say("{}, {} to a message: {}", name, size, describe(traffic));
    const auto last = int64_t{number_count} - 1;
    if (traffic.sum != last * number_count / 2) return "the sum is wrong";
  }
  const auto way = [&](int size) {
    return [=] { return send_numbers(channel, number_count, size).seconds; };
  };
  const auto times = ipc::measure(round_count, {way(1), way(batch_size)});
  ipc::say("{}: 1 to a message in {}, {} in {}", name,
           ipc::describe_s(ipc::spread(times[0])), batch_size,
           ipc::describe_s(ipc::spread(times[1])));
  ipc::say("{}: batches are {} times as fast", name,
           ipc::describe(ipc::ratio(times[0], times[1])));
  return "";
}

std::string lesson() {
  ipc::say("Act 1: when does a batch go?");
  std::string problem = collect_batches();
  if (!problem.empty()) return problem;
  ipc::say("Act 2: what does a batch save?");
  problem = compare("Connection", Channel::connection);
  return problem.empty() ? compare("Queue", Channel::queue) : problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("batching", "One number to a message, or many.");
  lab.option("--numbers", number_count, 1, 1'000'000, "numbers in act 2");
  lab.option("--batch", batch_size, 1, kMaxBatch, "numbers to a message");
  lab.option("--rounds", round_count, 1, 1000, "measured rounds");
  lab.explores("a batch goes by its age", go_by_age);
  return lab.run(argc, argv, lesson);
}
