#include "roles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "books.h"
#include "common/lab/lab.h"
#include "common/process/signals.h"
#include "common/report/report.h"
#include "kafka.h"

int task_count = 20;

namespace {

constexpr std::array kCustomers = {"ada", "bob", "dot", "eva"};
constexpr int kKillsItsWorker = 7;  // Once in each group.
constexpr int kCannotBeDone = 13;
constexpr std::string_view kEnd = "end";  // The last record of a partition.
constexpr double kWorkS = 0.1;
constexpr double kSessionS = 3.2;  // More than a mock cluster's first join.

const char* customer_of(int task) {
  return kCustomers.at(static_cast<size_t>(task) % kCustomers.size());
}

std::string text(const std::vector<int>& partitions) {
  if (partitions.empty()) return "no partition";
  return fmt::format("partition{} {}", partitions.size() == 1 ? "" : "s",
                     fmt::join(partitions, ", "));
}

// How long a worker may be silent before its group takes it for dead. A real
// cluster accepts 6 s or more, unless it is configured differently.
kafka::Settings session(const Log& log) {
  const double least_s = log.is_mock ? kSessionS : 6;
  const int session_ms = static_cast<int>(
      1000 * std::clamp(ipc::paced_s(kSessionS), least_s, 60.0));
  return {{"session.timeout.ms", std::to_string(session_ms)},
          {"heartbeat.interval.ms", std::to_string(session_ms / 10)}};
}

// What a worker tells the collector: "done 7", or "end 1" of a partition. The
// key of the record is the worker's group.
struct Report {
  std::string what;
  int number = 0;
};

std::string to_text(const Report& report) {
  return fmt::format("{} {}", report.what, report.number);
}

Report report_from(const std::string& text) {
  const size_t space = text.find(' ');
  if (space == std::string::npos)
    throw std::runtime_error("not a report: " + text);
  return {text.substr(0, space), std::stoi(text.substr(space + 1))};
}

// Whether the work on a task succeeds; it takes the same time in either case.
bool do_work(int task) {
  ipc::pause_s(kWorkS);
  return task != kCannotBeDone;
}

}  // namespace

void generate(const Log& log, const Groups& groups) {
  kafka::Producer producer(log.servers);
  // The library asks about a topic at its first use, which takes a while.
  const int partition_count = producer.partition_count(log.tasks());
  groups.after.await_all();
  groups.before.await_all();
  ipc::say("Both groups have all partitions");
  for (int task = 0; task < task_count; ++task) {
    const char* const customer = customer_of(task);
    ipc::say("Sending task {} for {}", task, customer);
    producer.send(log.tasks(), customer, std::to_string(task));  // [key]
  }
  const std::vector<kafka::Place> places = producer.await_delivered();
  ipc::say("All {} tasks are in the log", task_count);
  std::map<std::string, std::set<int>> partitions;
  for (int task = 0; task < task_count; ++task) {
    partitions[customer_of(task)].insert(
        places.at(static_cast<size_t>(task)).partition);
  }
  for (const auto& [customer, of_customer] : partitions) {
    ipc::say("The tasks of {} are in partition {}", customer,
             fmt::join(of_customer, ", "));
  }
  for (int partition = 0; partition < partition_count; ++partition) {
    producer.send_to(partition, log.tasks(), std::nullopt, kEnd);
  }
  producer.await_delivered();
}

namespace {

// One worker: it has joined its group and works on what it is given.
class Worker {
 public:
  Worker(const Log& log, const Group& group, Members& members, int id)
      : log_(log),
        group_(group),
        members_(members),
        producer_(log.servers),
        tasks_(log.servers, log.name + "-" + group.name, session(log)) {
    producer_.partition_count(log.results());
    producer_.partition_count(log.dead());
    ipc::say("Joining the group '{}'", group.name);
    const int all = producer_.partition_count(log.tasks());
    tasks_.subscribe(log.tasks(), [=, this](const auto& partitions, bool got) {
      ipc::say("{} {}", got ? "Got" : "Gave back", text(partitions));
      if (got) {
        members_.got(id, static_cast<int>(partitions.size()), all);
      } else {
        members_.gave_back(id);
      }
    });
  }

  void work_until(int end_fd) {
    while (const auto record = tasks_.next(end_fd)) {
      if (group_.commits_first && !commit(*record)) continue;  // [before]
      do_record(*record);
      if (!group_.commits_first) commit(*record);  // [after]
    }
    ipc::say("Leaving the group");
  }

 private:
  bool commit(const kafka::Record& record) {
    if (tasks_.commit(log_.tasks(), record.place)) return true;
    ipc::say("The group is changing: offset {} of partition {} not committed",
             record.place.offset, record.place.partition);
    return false;
  }

  void do_record(const kafka::Record& record) {
    if (record.value == kEnd) {
      tell(log_.results(), {"end", record.place.partition});
      return;
    }
    const int task = std::stoi(record.value);
    for (int number = 1; number <= kTriesMax; ++number) {
      ++members_.begun;
      ipc::say("Processing task {} for {} (partition {}, offset {}), try {}",
               task, record.key, record.place.partition, record.place.offset,
               number);
      const bool is_done = do_work(task);
      const bool dies =
          task == kKillsItsWorker && !members_.has_died.exchange(true);
      if (dies && group_.commits_first) ::raise(SIGKILL);
      if (is_done) {
        tell(log_.results(), {"done", task});
        if (dies) ::raise(SIGKILL);
        return;
      }
    }
    ipc::say("Task {} failed {} times, so it goes to the dead letters", task,
             kTriesMax);
    tell(log_.dead(), {"dead", task});  // [dead]
  }

  // Returns when the cluster has it.
  void tell(const std::string& topic, const Report& report) {
    producer_.send_to(0, topic, group_.name, to_text(report));
    producer_.await_delivered();
  }

  const Log& log_;
  const Group& group_;
  Members& members_;
  kafka::Producer producer_;
  kafka::Consumer tasks_;
};

}  // namespace

void work(const Log& log, const Group& group, Members& members, int id) {
  // Before the library makes its threads, which inherit that it is blocked.
  ipc::SignalQueue signals({SIGTERM});
  Worker(log, group, members, id).work_until(signals.fd());
  signals.next();  // Or it would end us once it is unblocked.
}

namespace {

using BooksOfGroups = std::map<std::string, Books>;

// Reads the workers' reports until both groups are done with all partitions.
void read_results(const Log& log, BooksOfGroups& books) {
  kafka::Consumer results(log.servers, log.name + "-collector");
  const auto partitions =
      static_cast<size_t>(results.partition_count(log.tasks()));
  results.read(log.results(), {0, 0});
  std::set<std::pair<std::string, int>> ended;
  while (ended.size() < books.size() * partitions) {
    const std::optional<kafka::Record> record = results.next();
    const Report report = report_from(record->value);
    if (report.what == "end") {
      ended.emplace(record->key, report.number);
      continue;
    }
    const int times = books.at(record->key).enter(report.number);
    ipc::say("Task {} is done by a worker of '{}'{}", report.number,
             record->key, times > 1 ? " again" : "");
  }
  // A worker reports the end of a partition after it has put aside what could
  // not be done there, so all of that is in the topic by now.
  for (const kafka::Record& record : kafka::read_all(log.servers, log.dead())) {
    const int task = report_from(record.value).number;
    ipc::say("Task {} is dead in '{}': it failed {} times", task, record.key,
             kTriesMax);
    books.at(record.key).bury(task);
  }
}

void say_books(const BooksOfGroups& books) {
  for (const auto& [group, of_group] : books) {
    ipc::say("Books of '{}': {}", group, of_group.text());
  }
}

// What was read is still in the log.
void do_what_is_lost(const Log& log, BooksOfGroups& books) {
  ipc::say("Reading the tasks again, from offset 0");
  const auto records = kafka::read_all(log.servers, log.tasks());  // [replay]
  ipc::say("All {} records are still there", records.size());
  for (const kafka::Record& record : records) {
    if (record.value == kEnd) continue;
    const int task = std::stoi(record.value);
    for (auto& [group, of_group] : books) {
      if (!of_group.is_lost(task) || !do_work(task)) continue;
      ipc::say("Task {} of '{}' was lost: done now, from offset {}", task,
               group, record.place.offset);
      of_group.enter(task);
    }
  }
}

}  // namespace

void collect(const Log& log, const Groups& groups) {
  BooksOfGroups books;
  for (const Group& group : kGroups) books.emplace(group.name, task_count);
  ipc::say("Expecting {} tasks from each of {} groups", task_count,
           books.size());
  read_results(log, books);
  ipc::say("In fact: begun {} times by 'after', {} times by 'before'",
           groups.after.begun.load(), groups.before.begun.load());
  say_books(books);
  do_what_is_lost(log, books);
  say_books(books);
  for (int task = 0; task < task_count; ++task) {
    for (const auto& [group, of_group] : books) {
      if (of_group.is_lost(task)) throw std::runtime_error("a task is lost");
    }
  }
}
