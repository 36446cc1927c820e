// shared_memory: a writer and a reader that know nothing but a name.
//
//   Writer --sets--> [ sequence | 10 numbers ] <--copies-- Reader
//                     /dev/shm/ipc-labs-...
//
// Watch for: act 1, where the reader copies what was never written; it looks
// when the writer is halfway. In act 2 it notices, and looks again.
// Try: --python, --numpy; in actors.h, replace the line marked [again] by
// (void)whole;

#include <fmt/ranges.h>

#include <atomic>
#include <new>
#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/shared_memory/actors.h"
#include "labs/shared_memory/board.h"
#include "labs/shared_memory/lifetime.h"
#include "labs/shared_memory/python_reader.h"
#include "labs/shared_memory/unlinker.h"

namespace {

using ipc::SharedMemory;

constexpr int kLast = 9;
constexpr int kLooks = 20;  // Two for each number: halfway, and when it is set.
bool with_python = false;
bool with_numpy = false;

// The reader looks after each step of the writer: halfway, set, halfway, ...
std::string play(const std::string& name, bool use_sequence) {
  std::string order;
  for (int i = 0; i < kLooks; ++i) order += "AB";
  const ipc::Shared<std::atomic<int>> torn(0);
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write(name, kLast, use_sequence); });
  schedule.add("Reader", [&] { *torn = read(name, kLooks, use_sequence); });
  std::string problem = schedule.play(order + "A");
  if (!problem.empty() || !use_sequence || *torn == 0) return problem;
  return "a torn copy was seen in spite of the sequence";
}

// Not arranged: two processes that begin when they like.
std::string play_with_python(const std::string& name) {
  ipc::Process reader = start_python_reader(name, with_numpy);
  ipc::Process writer("Writer", [&] { write(name, kLast, true); });
  if (writer.join() != 0) return "the writer failed";
  return reader.join() == 0 ? "" : "the Python reader failed";
}

SharedMemory create_board() {
  // Complete before its name appears.
  const auto construct = [](void* data, size_t) { new (data) Board; };
  return SharedMemory::create(ipc::unique_name("board"), sizeof(Board),
                              construct);
}

// What the explorer plays in every order: the writer sets 0 and 1, the reader
// looks twice.
ipc::Scenario two_looks(bool use_sequence) {
  return [use_sequence](ipc::Schedule& schedule) {
    const SharedMemory memory = create_board();
    const Unlinker at_end{memory};
    const std::string& name = memory.name();
    const ipc::Shared<std::atomic<int>> torn(0);
    schedule.show("numbers", [&] {
      const auto& board = memory.as<Board>();
      return fmt::format("{} {}", board.sequence.load(), copy(board));
    });
    schedule.add("Writer", [&] { write(name, 1, use_sequence); });
    schedule.add("Reader", [&] { *torn = read(name, 2, use_sequence); });
    schedule.run();
    return fmt::format("{} of 2 looks torn", torn->load());
  };
}

std::string lesson() {
  const bool in_python = with_python || with_numpy;
  if (in_python) check_python(with_numpy);
  auto memory = create_board();
  const std::string& name = memory.name();
  std::string problem;
  if (in_python) {
    problem = play_with_python(name);
  } else {
    ipc::say("Act 1: copied without looking at the sequence");
    problem = play(name, false);
    ipc::say("Act 2: copied again if the sequence has changed");
    if (problem.empty()) problem = play(name, true);
  }
  ipc::say("{}: close and unlink", in_python ? "Finally" : "Act 3");
  const std::string last = close_and_unlink(memory);
  return problem.empty() ? last : problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("shared_memory", "Memory with a name, read while written.");
  lab.option("--python", with_python, "the reader is /usr/bin/python3");
  lab.option("--numpy", with_numpy, "the same, and it reads by NumPy");
  // Inner points: a copy takes two steps, which acts 1 and 2 do not show.
  lab.explores("no sequence", two_looks(false), {.inner = true});
  lab.explores("sequence", two_looks(true), {.inner = true});
  return lab.run(argc, argv, lesson);
}
