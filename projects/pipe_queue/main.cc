// The frame of the project pipe_queue: scenarios for the explorer, and a race
// of many producers and consumers with large items.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "projects/pipe_queue/pipe_queue.h"

namespace {

int producer_count = 4;
int consumer_count = 3;
int item_count = 40;
int capacity = 4;
int size_max = 100'000;

constexpr int kRoom = 1;  // The places of the queue that is explored.

std::string item_name(int producer, int number) {
  return fmt::format("item {} of producer {}", number, producer);
}

// What the processes of a scenario have done.
struct Board {
  std::atomic<int> put{0};
  std::atomic<int> asked{0};  // Calls of get() that have begun.
  std::atomic<int> got{0};
};

void put_all(PipeQueue& queue, Board& board, int producer, int items) {
  queue.be_producer();
  for (int i = 0; i < items; ++i) {
    ipc::point("put");
    queue.put(item_name(producer, i));
    ++board.put;
  }
}

void get_all(PipeQueue& queue, Board& board) {
  queue.be_consumer();
  std::map<char, std::string> last;  // Of each producer.
  for (;;) {
    ipc::point("get");
    ++board.asked;
    const std::optional<std::string> item = queue.get();
    if (!item) return;
    ipc::say("Got {}", *item);
    if (!item->starts_with("item ") || item->size() != item_name(0, 0).size()) {
      throw std::runtime_error("an item is torn");
    }
    std::string& before = last[item->back()];
    if (*item <= before) throw std::runtime_error("the order is wrong");
    before = *item;
    ++board.got;
  }
}

// Some processes put, and others get, until nothing is left.
ipc::Scenario exchange(int producers, int items, int consumers) {
  return [=](ipc::Schedule& schedule) -> std::string {
    const ipc::TempDir folder;
    PipeQueue queue(kRoom, folder.file("lock"));
    const ipc::Shared<Board> board;
    schedule.show("put", [&] { return std::to_string(board->put); });
    schedule.show("got", [&] { return std::to_string(board->got); });
    schedule.always([&]() -> std::string {
      if (board->put <= kRoom + board->asked) return "";
      return "more items were put than there are places";
    });
    for (int i = 0; i < producers; ++i) {
      schedule.add("Producer " + std::to_string(i),
                   [&, i] { put_all(queue, *board, i, items); });
    }
    for (int i = 0; i < consumers; ++i) {
      schedule.add("Consumer " + std::to_string(i),
                   [&] { get_all(queue, *board); });
    }
    queue.be_neither();
    schedule.run();
    for (size_t i = 0; i < static_cast<size_t>(producers); ++i) {
      if (schedule.was_killed(i)) return "a producer died";
    }
    const int all = producers * items;
    if (board->got == all) return "all items were got";
    return fmt::format("{} of {} items were got", board->got.load(), all);
  };
}

// The only consumer ends after one item, so put() must throw.
std::string lone_producer(ipc::Schedule& schedule) {
  const ipc::TempDir folder;
  PipeQueue queue(kRoom, folder.file("lock"));
  const ipc::Shared<std::atomic<bool>> is_told(false);
  schedule.add("Producer", [&] {
    queue.be_producer();
    try {
      for (int i = 0; i < 3; ++i) queue.put(item_name(0, i));
    } catch (const std::exception&) {
      *is_told = true;
    }
  });
  schedule.add("Consumer", [&] {
    queue.be_consumer();
    (void)queue.get();
  });
  queue.be_neither();
  schedule.run();
  return *is_told ? "the producer got an error" : "the producer put 3 items";
}

// The race: large items, in which every byte shows the producer.

std::string large_item(int producer, int number, std::mt19937& source) {
  std::string item = fmt::format("{} {} ", producer, number);
  const int size = ipc::random_int(source, 0, size_max);
  item.append(static_cast<size_t>(size),
              static_cast<char>('a' + producer % 26));
  return item;
}

// Returns "" if the item is whole, and comes after all earlier items of its
// producer.
std::string problem_of(const std::string& item, std::map<int, int>& last) {
  const char* end = item.data() + item.size();
  int producer = 0;
  int number = 0;
  const auto first = std::from_chars(item.data(), end, producer);
  if (first.ec != std::errc() || first.ptr == end) return "an item is torn";
  const auto second = std::from_chars(first.ptr + 1, end, number);
  if (second.ec != std::errc() || second.ptr == end) return "an item is torn";
  const char filler = static_cast<char>('a' + producer % 26);
  if (!std::all_of(second.ptr + 1, end, [&](char c) { return c == filler; })) {
    return "an item is torn";
  }
  const auto before = last.find(producer);
  if (before != last.end() && before->second >= number) {
    return "the order of a producer is lost";
  }
  last[producer] = number;
  return "";
}

void consume(PipeQueue& queue, std::atomic<int>& got) {
  queue.be_consumer();
  std::map<int, int> last;
  while (const std::optional<std::string> item = queue.get()) {
    if (item->size() > kItemMax) throw std::runtime_error("an item is torn");
    if (item->empty()) throw std::runtime_error("an item is empty");
    const std::string problem = problem_of(*item, last);
    if (!problem.empty()) throw std::runtime_error(problem);
    ++got;
  }
}

std::string lesson() {
  const ipc::TempDir folder;
  PipeQueue queue(capacity, folder.file("lock"));
  const ipc::Shared<std::atomic<int>> got(0);
  std::vector<ipc::Process> all;
  all.reserve(static_cast<size_t>(producer_count) +
              static_cast<size_t>(consumer_count));
  for (int i = 0; i < producer_count; ++i) {
    all.emplace_back("Producer " + std::to_string(i), [&, i] {
      queue.be_producer();
      std::mt19937 source = ipc::random_source(static_cast<unsigned>(i));
      for (int n = 0; n < item_count; ++n) queue.put(large_item(i, n, source));
    });
  }
  for (int i = 0; i < consumer_count; ++i) {
    all.emplace_back("Consumer " + std::to_string(i),
                     [&] { consume(queue, *got); });
  }
  queue.be_neither();
  std::string problem;
  for (ipc::Process& process : all) {
    if (process.join() != 0) problem = process.name() + " failed";
  }
  if (!problem.empty()) return problem;
  const int wanted = producer_count * item_count;
  if (*got == wanted) return "";
  return fmt::format("{} of {} items were got", got->load(), wanted);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pipe_queue", "A bounded queue over two pipes.");
  lab.option("--producers", producer_count, 1, 26, "of the race");
  lab.option("--consumers", consumer_count, 1, 26, "of the race");
  lab.option("--items", item_count, 0, 100'000, "of each producer");
  lab.option("--capacity", capacity, 1, 1000, "places of the queue");
  lab.option("--size", size_max, 0, 190'000, "most bytes of an item");
  lab.explores("one of each", exchange(1, 3, 1));
  lab.explores("two producers", exchange(2, 1, 1));
  lab.explores("two consumers", exchange(1, 2, 2));
  lab.explores("a death", exchange(1, 1, 2));
  lab.explores("lone producer", lone_producer);
  return lab.run(argc, argv, lesson);
}
