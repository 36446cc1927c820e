// serialization: the same readings as text, as bytes, and as they lie there.
//
//   Main ==message==> Receiver     JSON, MessagePack, or 24 bytes a reading
//        <==  sum  ==              each time, Main waits for the sum
//   Main --[ readings ]-- Receiver and once they stay where they are
//
// Watch for: how many bytes a reading takes in each format, that the sums are
// equal to the last digit, and from how many readings on copying matters.
// Try: --readings=10; --many=1000; and -c opt in front of the label.

#include <fmt/format.h>

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/process.h"
#include "common/report/measure.h"
#include "common/report/report.h"
#include "labs/serialization/formats.h"

namespace {

using Readings = std::span<Reading>;

constexpr int kShown = 8;  // The number of the reading that is shown.

int few = 100;
int many = 100'000;
int message_count = 3;
int round_count = 5;

// Answers each message with the sum of its readings.
void receive_readings(ipc::Connection& end, const Format& format,
                      Readings shared, bool narrated) {
  while (const auto message = end.receive()) {
    const double sum = format.decode == nullptr
                           ? sum_of(shared)  // [in-place]
                           : sum_of(format.decode(*message));
    if (narrated) ipc::say("{}: sum {}", format.name, sum);
    ipc::ensure(end.send(fmt::format("{}", sum)));
  }
}

// Makes readings, sends them and waits for the sum: once, and then `again`
// times. Returns the seconds of the latter. The first time makes the memory
// ready, and is narrated if it is the only one.
double send_readings(const Format& format, int count, int again) {
  const bool narrated = again == 0;
  std::vector<Reading> own(static_cast<size_t>(count));
  const auto memory =
      ipc::SharedMemory::anonymous(own.size() * sizeof(Reading));
  const Readings shared(static_cast<Reading*>(memory.data()), own.size());
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [&] {
    ends.first.close();
    receive_readings(ends.second, format, shared, narrated);
  });
  ends.second.close();

  const auto exchange = [&](int64_t first) {
    const bool in_place = format.encode == nullptr;
    const Readings readings = in_place ? shared : Readings(own);
    make_readings(readings, first);
    const std::string bytes = in_place ? "ready" : format.encode(readings);
    if (narrated) {
      ipc::say("{}: sum {}, {} readings in {} bytes", format.name,
               sum_of(readings), count, bytes.size());
    }
    ipc::ensure(ends.first.send(bytes));
    const auto sum = ends.first.receive();  // [returned]
    if (!sum || *sum != fmt::format("{}", sum_of(readings))) {
      throw std::runtime_error(std::string(format.name) + ": wrong sum");
    }
  };
  exchange(0);
  const double seconds = ipc::timed_s([&] {
    for (int i = 1; i <= again; ++i) exchange(i);
  });
  ends = {};
  if (receiver.join() != 0) throw std::runtime_error("the receiver failed");
  return seconds;
}

// Says how long each takes, and how many times as fast as the first it is.
void compare(int count, std::span<const Format> formats) {
  std::vector<ipc::Way> ways;
  for (const Format& format : formats) {
    ways.emplace_back([&format, count] {
      return send_readings(format, count, message_count) / message_count;
    });
  }
  const ipc::Samples times = ipc::measure(round_count, ways);
  for (size_t i = 0; i < formats.size(); ++i) {
    ipc::say("{}: {} a message, {} times as fast", formats[i].name,
             ipc::describe_s(ipc::spread(times[i])),
             ipc::describe(ipc::ratio(times[0], times[i])));
  }
}

std::string lesson() {
  ipc::say("Act 1: reading {}", kShown);
  const auto formats = all_formats();
  for (const Format& format : formats.first(3)) {
    ipc::say("{}: {}", format.name, example(format, kShown));
  }
  ipc::say("Act 2: {} readings to a message", few);
  for (const Format& format : formats) send_readings(format, few, 0);
  compare(few, formats);
  ipc::say("Act 3: {} readings to a message", many);
  compare(many, formats.last(2));
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("serialization", "What bytes are made of the same readings.");
  lab.option("--readings", few, 1, 10'000, "readings to a message, act 2");
  lab.option("--many", many, 1, 1'000'000, "readings to a message, act 3");
  lab.option("--messages", message_count, 1, 1000, "measured in each round");
  lab.option("--rounds", round_count, 1, 1000, "measured rounds");
  return lab.run(argc, argv, lesson);
}
