// startup_overhead: what it costs to start something, and why.
//
//   Main [ ballast ] --+-- a thread
//                      +-- a copy of Main, by fork
//                      `-- another program, by spawn
//
// Watch for: what the child of act 1 gets without asking, and when it pays for
// it; and in act 2 which of the three ways becomes more expensive as Main
// grows.
// Try: --megabytes=1000; ./bazelw run -c opt for the figures.

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/measure.h"
#include "common/report/report.h"
#include "labs/startup_overhead/starting.h"

namespace {

struct Bill {
  long tables_kib = 0;
  long read_faults = 0;
  long write_faults = 0;
};

int megabyte_count = 32;
int start_count = 5;
int round_count = 5;
std::string program = "/bin/true";

// What it costs to fork a child while Main has this much memory.
Bill pay(size_t megabytes) {
  Ballast ballast(megabytes);
  const ipc::Shared<Bill> bill;
  ipc::Process child("Child", [&] {
    bill->tables_kib = page_tables_kib();        // [tables]
    bill->read_faults = ballast.read_pages();    // [read]
    bill->write_faults = ballast.write_pages();  // [write]
    ipc::say("With {} MiB: page tables of {} KiB", megabytes, bill->tables_kib);
    ipc::say("{} pages read: {} faults", ballast.page_count(),
             bill->read_faults);
    ipc::say("{} pages written: {} faults", ballast.page_count(),
             bill->write_faults);
  });
  return child.join() == 0 ? *bill : Bill{};
}

std::string what_is_copied() {
  const auto megabytes = static_cast<size_t>(megabyte_count);
  const Bill small = pay(0);
  const Bill big = pay(megabytes);
  // Eight bytes for each page of 4 KiB, whether the child uses it or not. At
  // either end the ballast may share a table with something else.
  const long added_kib = big.tables_kib - small.tables_kib;
  ipc::say("The ballast adds {} KiB of page tables to the child", added_kib);
  if (added_kib < 2 * static_cast<long>(megabytes) - 8) {
    return "the child did not get the page tables";
  }
  const auto pages = static_cast<long>(megabytes << 8U);
  return big.write_faults >= pages ? "" : "nothing was copied on write";
}

// Starts something `start_count` times while Main has this much memory.
ipc::Way way(size_t megabytes, void (*start)()) {
  return [=] {
    const Ballast ballast(megabytes);
    return ipc::timed_s([&] {
             for (int i = 0; i < start_count; ++i) start();
           }) /
           start_count;
  };
}

std::string what_it_costs() {
  const struct {
    const char* name;
    void (*start)();
  } kinds[] = {{"Thread", start_thread},
               {"Fork", fork_process},
               {"Spawn", [] { spawn_program(program.c_str()); }}};
  const auto megabytes = static_cast<size_t>(megabyte_count);
  std::vector<ipc::Way> ways;
  for (const auto& kind : kinds) {
    ways.push_back(way(0, kind.start));
    ways.push_back(way(megabytes, kind.start));
  }
  const auto times = ipc::measure(round_count, ways);
  for (size_t i = 0; i < std::size(kinds); ++i) {
    const auto& small = times[2 * i];
    const auto& big = times[2 * i + 1];
    ipc::say("{}: {}, with ballast {}", kinds[i].name,
             ipc::describe_s(ipc::spread(small)),
             ipc::describe_s(ipc::spread(big)));
    ipc::say("{}: {} times as expensive with ballast", kinds[i].name,
             ipc::describe(ipc::ratio(big, small)));
  }
  return "";
}

std::string lesson() {
  ipc::say("Act 1: what does a child get, and when does it pay?");
  if (auto problem = what_is_copied(); !problem.empty()) return problem;
  ipc::say("Act 2: {} starts each, of three kinds", start_count);
  return what_it_costs();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("startup_overhead", "What it costs to start something.");
  lab.option("--megabytes", megabyte_count, 4, 4000, "ballast of Main");
  lab.option("--starts", start_count, 1, 10'000, "starts of each kind");
  lab.option("--rounds", round_count, 1, 1000, "measured rounds");
  lab.option("--program", program, "what is spawned");
  return lab.run(argc, argv, lesson);
}
