// The frame of the project seqlock_reader: scenarios for the explorer, a race,
// and a list of the accesses of one write and one read.

#include <fmt/ranges.h>

#include <array>
#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "projects/seqlock_reader/seqlock.h"

namespace {

constexpr int kReaders = 2;

int write_count = 200'000;
bool is_noted = false;
bool has_steps = true;

std::string_view name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
    default:
      return "other";
  }
}

// To be called before each access: a step ends here, and lesson() lists it.
void announce(std::string_view what, std::string_view name,
              std::memory_order order) {
  if (ipc::process_gate != nullptr && has_steps) {
    ipc::point(fmt::format("{} {}", what, name));
  }
  if (is_noted) ipc::say("{} {} {}", what, name, name_of(order));
}

Numbers all(int number) { return {number, number, number}; }

// Describes what a reader has read.
std::string told(const std::optional<Numbers>& numbers) {
  if (!numbers) return "refused";
  if (*numbers == all(numbers->front())) {
    return fmt::format("saw {}", numbers->front());
  }
  return "saw numbers of two writes";
}

std::string values(const Board& board) {
  std::string text;
  for (const Word& word : board.numbers) {
    text += fmt::format("{} ", word.load(std::memory_order_relaxed));
  }
  return text.substr(0, text.size() - 1);
}

void show(ipc::Schedule& schedule, const Board& board) {
  schedule.show("sequence", [&] {
    return std::to_string(board.sequence.load(std::memory_order_relaxed));
  });
  schedule.show("numbers", [&] { return values(board); });
}

// What a reader has read, in memory that its parent can see.
class Seen {
 public:
  void look(const Board& board) {
    const std::optional<Numbers> numbers = try_read(board);
    if (numbers) ipc::say("Read {}", *numbers);
    told(numbers).copy(text_.data(), text_.size() - 1);
  }
  [[nodiscard]] std::string text() const {
    return text_[0] == '\0' ? "the reader died" : text_.data();
  }

 private:
  std::array<char, 80> text_{};
};

// Whose accesses are separate steps. All accesses of the other are one step.
enum class Steps { all, of_writer, of_reader };

// One reader looks once while the writer writes `writes` times.
ipc::Scenario look_during(int writes, Steps steps) {
  return [writes, steps](ipc::Schedule& schedule) {
    const ipc::Shared<Board> board;
    const ipc::Shared<Seen> seen;
    show(schedule, *board);
    schedule.add("Writer", [&] {
      has_steps = steps != Steps::of_reader;
      for (int i = 1; i <= writes; ++i) write(*board, all(i));
    });
    schedule.add("Reader", [&] {
      has_steps = steps != Steps::of_writer;
      seen->look(*board);
    });
    schedule.run();
    return seen->text();
  };
}

// The reader looks when the writer has written twice and has ended.
std::string look_afterwards(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  const ipc::Shared<Seen> seen;
  write(*board, all(1));
  write(*board, all(2));
  show(schedule, *board);
  schedule.add("Reader", [&] { seen->look(*board); });
  schedule.run();
  return seen->text();
}

struct Race {
  Board board;
  std::atomic<bool> is_over{false};
  std::atomic<int> whole{0};
  std::atomic<int> torn{0};
};

void read_often(Race& race) {
  int whole = 0;
  int torn = 0;
  // One more read when everything is written: that one must succeed.
  for (bool last = false; !last;) {
    last = race.is_over;
    const auto numbers = try_read(race.board);
    if (!numbers) continue;
    ++(*numbers == all(numbers->front()) ? whole : torn);
  }
  race.whole += whole;
  race.torn += torn;
}

std::string race() {
  const ipc::Shared<Race> race;
  std::vector<ipc::Process> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back("Reader " + std::to_string(i),
                         [&] { read_often(*race); });
  }
  ipc::Process writer("Writer", [&] {
    for (int i = 1; i <= write_count; ++i) write(race->board, all(i));
  });
  const int status = writer.join();
  race->is_over = true;
  for (ipc::Process& reader : readers) {
    if (reader.join() != 0) return "a reader failed";
  }
  if (status != 0) return "the writer failed";
  if (race->torn > 0) {
    return fmt::format("{} of {} reads in the race saw numbers of two writes",
                       race->torn.load(), race->torn + race->whole);
  }
  if (race->whole < kReaders) {
    return "a reader refused although no process wrote any more";
  }
  return "";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  is_noted = true;
  ipc::say("write");
  write(*board, all(7));
  ipc::say("read");
  const std::string text = told(try_read(*board));
  is_noted = false;
  if (text != "saw 7") return "after a write of 7, a read " + text;
  return race();
}

}  // namespace

Board::Board() {
  sequence.name = "sequence";
  numbers[0].name = "number 0";
  numbers[1].name = "number 1";
  numbers[2].name = "number 2";
}

int Word::load(std::memory_order order) const {
  announce("load", name, order);
  return value_.load(order);
}

void Word::store(int value, std::memory_order order) {
  announce("store", name, order);
  value_.store(value, order);
}

void fence(std::memory_order order) {
  if (is_noted) ipc::say("fence {}", name_of(order));
  std::atomic_thread_fence(order);
}

int main(int argc, char** argv) {
  ipc::Lab lab("seqlock_reader", "A reader of what another process writes.");
  lab.option("--writes", write_count, 1, 100'000'000, "of the race");
  lab.explores("read at once", look_during(1, Steps::of_writer),
               {.memory_only = true});
  lab.explores("write at once", look_during(1, Steps::of_reader),
               {.memory_only = true});
  lab.explores("one write", look_during(1, Steps::all), {.memory_only = true});
  lab.explores("two writes", look_during(2, Steps::all), {.memory_only = true});
  lab.explores("afterwards", look_afterwards, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
