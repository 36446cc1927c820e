// shared_memory: a writer and a reader that know nothing but a name.
//
//   Writer --sets--> [ sequence | 10 numbers ] <--copies-- Reader
//                     /dev/shm/ipc-labs-...
//
// Watch for: act 1, where the reader copies what nobody ever wrote; it looks
// when the writer is halfway. In act 2 it notices, and looks again.
// Try: --python; replace the line marked [again] by (void)whole;

#include <fmt/ranges.h>

#include <new>
#include <string>

#include "common/lab.h"
#include "common/names.h"
#include "common/point.h"
#include "common/process.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/shared_memory.h"
#include "labs/shared_memory/board.h"
#include "labs/shared_memory/lifetime.h"
#include "labs/shared_memory/python_reader.h"

namespace {

using ipc::SharedMemory;

constexpr int kLast = 9;
constexpr int kLooks = 20;  // Two for each number: halfway, and when it is set.
constexpr double kPauseS = 0.05;
bool with_python = false;

void write(const std::string& name, bool use_sequence) {
  const SharedMemory memory = SharedMemory::open(name);
  auto& board = memory.as<Board>();
  for (int number = 0; number <= kLast; ++number) {
    if (use_sequence) begin_change(board);
    fill(board, number);
    ipc::say("Set shared memory to {}", number);
    if (use_sequence) end_change(board);
    ipc::point("set");
    ipc::pause_s(kPauseS);
  }
}

void read(const std::string& name, bool use_sequence) {
  const SharedMemory memory = SharedMemory::open(name);
  const auto& board = memory.as<Board>();
  int torn = 0;
  Numbers seen{};
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) ipc::point("looked");
    Numbers copied{};
    const bool whole = copy_whole(board, copied);
    if (use_sequence && !whole) continue;  // [again]
    seen = copied;
    if (seen.front() == seen.back()) {
      ipc::say("Saw {}", seen.front());
    } else {
      ++torn;
      ipc::say("Saw {}, which nobody wrote", seen);
    }
  }
  ipc::say("Torn: {} of {} looks, last value {}{}", torn, kLooks, seen.front(),
           use_sequence ? "" : " (without sequence)");
}

// The reader looks after each step of the writer: halfway, set, halfway, ...
std::string play(const std::string& name, bool use_sequence) {
  std::string order;
  for (int i = 0; i < kLooks; ++i) order += "AB";
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write(name, use_sequence); });
  schedule.add("Reader", [&] { read(name, use_sequence); });
  return schedule.play(order + "A");
}

// Not arranged: two processes that begin when they like.
std::string play_with_python(const std::string& name) {
  ipc::Process reader("Reader", [&] { read_in_python(name); });
  ipc::Process writer("Writer", [&] { write(name, true); });
  if (writer.join() != 0) return "the writer failed";
  return reader.join() == 0 ? "" : "the Python reader failed";
}

std::string lesson() {
  // Complete before its name appears.
  const auto construct = [](void* data, size_t) { new (data) Board; };
  auto memory =
      SharedMemory::create(ipc::unique_name("board"), sizeof(Board), construct);
  const std::string& name = memory.name();
  std::string problem;
  if (with_python) {
    problem = play_with_python(name);
  } else {
    ipc::say("Act 1: copied without looking at the sequence");
    problem = play(name, false);
    ipc::say("Act 2: copied again if the sequence has changed");
    if (problem.empty()) problem = play(name, true);
  }
  ipc::say("{}: close and unlink", with_python ? "At last" : "Act 3");
  const std::string last = close_and_unlink(memory);
  return problem.empty() ? last : problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("shared_memory", "Memory with a name, read while written.");
  lab.option("--python", with_python, "the reader is /usr/bin/python3");
  return lab.run(argc, argv, lesson);
}
